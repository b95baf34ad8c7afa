#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "lib_api.h"
#include "nursery.h"

/* Where its children write their own words: bundle, log and zones have long names. */
#define TITLE_ROOM 4000
#define END_MS 1000

int lib_nursery_open(const char *core, char *const envp[], int *orders, struct error *err) {
  char room[TITLE_ROOM + 1];
  int ends[2];
  memset(room, ' ', TITLE_ROOM);
  room[TITLE_ROOM] = 0;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return error_errno(err, "socketpair", NULL);
  char name[] = "bayplan-core", command[] = "nursery";
  int result = lib_spawn_detached(core, (char *const[]){name, command, room, NULL}, envp, (const int[]){ORDERS, ends[1]}, 1, err);
  close(ends[1]);
  if (result < 0) close(ends[0]);
  else *orders = ends[0];
  return result;
}

int lib_nursery_order(int orders, const char *text, uint32_t length, const int *fds, int nfds, struct error *err) {
  union { struct cmsghdr header; char bytes[CMSG_SPACE(MOST_FDS * sizeof(int))]; } control;
  if (length > ORDER_BYTES || nfds > MOST_FDS) { errno = E2BIG; return error_errno(err, "sendmsg", NULL); }
  struct iovec part = {(char *)text, length};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (nfds > 0) {
    control.header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN((size_t)nfds * sizeof(int))};
    memcpy(CMSG_DATA(&control.header), fds, (size_t)nfds * sizeof(int));
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE((size_t)nfds * sizeof(int));
  }
  ssize_t sent;
  do sent = sendmsg(orders, &message, MSG_NOSIGNAL | MSG_DONTWAIT); while (sent < 0 && errno == EINTR);
  return sent < 0 ? error_errno(err, "sendmsg", NULL) : 0;
}

void lib_nursery_close(int orders) {
  struct pollfd entry = {.fd = orders};
  shutdown(orders, SHUT_WR);
  poll(&entry, 1, END_MS); /* POLLHUP */
  close(orders);
}
