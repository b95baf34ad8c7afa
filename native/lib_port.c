#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include "lib_api.h"

int lib_reserve_port(int protocol, const char *ip, int port, int *bound, struct error *err) {
  char name[64];
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
  snprintf(name, sizeof name, "%s:%d", ip, port);
  if (inet_pton(AF_INET, ip, &address.sin_addr) != 1) {
    errno = EINVAL;
    return error_errno(err, "bind", name);
  }
  int fd = socket(AF_INET, (protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, protocol);
  if (fd < 0) return error_errno(err, "socket", name);
  /* Connections of a server that has just ended (TIME_WAIT) do not take the port; a listening one does all the same. Not for UDP, where
     the option would let two of us share it. */
  int on = 1;
  socklen_t length = sizeof address;
  const char *call = NULL;
  if (protocol != IPPROTO_UDP && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) call = "setsockopt";
  else if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) call = "bind";
  else if (protocol != IPPROTO_UDP && listen(fd, 1) < 0) call = "listen";
  else if (getsockname(fd, (struct sockaddr *)&address, &length) < 0) call = "getsockname";
  if (call) {
    error_errno(err, call, name);
    close(fd);
    return -1;
  }
  *bound = ntohs(address.sin_port);
  return fd;
}
