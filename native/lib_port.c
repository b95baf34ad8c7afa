#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "lib_api.h"

/* An address of either family. */
struct place {
  socklen_t length;
  union { struct sockaddr any; struct sockaddr_in four; struct sockaddr_in6 six; };
};

static int read_place(const char *ip, int port, struct place *place) {
  *place = (struct place){ .length = sizeof place->four, .four = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) } };
  if (inet_pton(AF_INET, ip, &place->four.sin_addr) == 1) return 0;
  *place = (struct place){ .length = sizeof place->six, .six = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) } };
  if (inet_pton(AF_INET6, ip, &place->six.sin6_addr) == 1) return 0;
  errno = EINVAL;
  return -1;
}

/* The call that failed, NULL for none. */
static const char *bind_there(int fd, int protocol, struct place *place) {
  /* Connections of a server that has just ended (TIME_WAIT) do not take the port; a listening one does all the same. Not for UDP, where
     the option would let two of us share it. IPv4 has a socket of its own. */
  int on = 1;
  if (protocol != IPPROTO_UDP && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) return "setsockopt";
  if (place->any.sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) return "setsockopt";
  if (bind(fd, &place->any, place->length) < 0) return "bind";
  if (protocol != IPPROTO_UDP && listen(fd, 1) < 0) return "listen";
  return getsockname(fd, &place->any, &place->length) < 0 ? "getsockname" : NULL;
}

int lib_reserve_port(int protocol, const char *ip, int port, int *bound, struct error *err) {
  char name[64];
  struct place place;
  snprintf(name, sizeof name, strchr(ip, ':') ? "[%s]:%d" : "%s:%d", ip, port);
  if (read_place(ip, port, &place) < 0) return error_errno(err, "bind", name);
  int fd = socket(place.any.sa_family, (protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, protocol);
  if (fd < 0) return error_errno(err, "socket", name);
  const char *call = bind_there(fd, protocol, &place);
  if (call) {
    error_errno(err, call, name);
    close(fd);
    return -1;
  }
  *bound = ntohs(place.any.sa_family == AF_INET6 ? place.six.sin6_port : place.four.sin_port);
  return fd;
}
