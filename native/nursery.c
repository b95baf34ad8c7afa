#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core.h"
#include "nursery.h"
#include "self.h"

#define MOST_WORDS 4096

/* A command to be run: which of its descriptors is to have which number, and its words. */
static struct order { int fds[MOST_FDS], numbers[MOST_FDS], fd_count, argc; char *argv[MOST_WORDS + 1], text[ORDER_BYTES]; } order;

static void close_received(void) {
  for (int i = 0; i < order.fd_count; i++) close(order.fds[i]);
}

/* The numbers, parted by spaces, and then the words, a NUL after each. */
static bool read_order(size_t length) {
  char *at = order.text, *end = at + length;
  int numbers = 0;
  if (length == 0 || end[-1]) return false;
  for (char *next; *at; at = next) {
    long number = strtol(at, &next, 10);
    if (next == at || number < 0 || number >= MOST_FDS * 2 || numbers == MOST_FDS) return false;
    order.numbers[numbers++] = (int)number;
    while (*next == ' ') next++;
  }
  order.argc = 0;
  for (at++; at < end; at += strlen(at) + 1) {
    if (order.argc == MOST_WORDS) return false;
    order.argv[order.argc++] = at;
  }
  order.argv[order.argc] = NULL;
  return numbers == order.fd_count && order.argc > 1;
}

/* False where there will be no more. An order that is not understood is let go of, and with it its descriptors, which is what whoever waits at one of them is told. */
static bool await_order(bool *understood) {
  union { struct cmsghdr header; char bytes[CMSG_SPACE(sizeof order.fds)]; } control;
  struct iovec part = {order.text, sizeof order.text};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t length;
  do length = recvmsg(ORDERS, &message, MSG_CMSG_CLOEXEC); while (length < 0 && errno == EINTR);
  if (length <= 0) return false;
  order.fd_count = 0;
  for (struct cmsghdr *one = CMSG_FIRSTHDR(&message); one; one = CMSG_NXTHDR(&message, one)) {
    if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_RIGHTS) continue;
    order.fd_count = (int)((one->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(order.fds, CMSG_DATA(one), (size_t)order.fd_count * sizeof(int));
  }
  *understood = !(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && read_order((size_t)length);
  return true;
}

/* Each descriptor above all numbers first, then at its own; nothing else stays open but stdio, which is /dev/null where no number is its. */
static void place_descriptors(void) {
  int highest = 2;
  for (int i = 0; i < order.fd_count; i++) if (order.numbers[i] > highest) highest = order.numbers[i];
  for (int i = 0; i < order.fd_count; i++) if ((order.fds[i] = fcntl(order.fds[i], F_DUPFD, highest + 1)) < 0) _exit(1);
  if (highest > 2) syscall(SYS_close_range, 3u, (unsigned)highest, 0u);
  for (int i = 0; i < order.fd_count; i++) if (dup2(order.fds[i], order.numbers[i]) < 0) _exit(1);
  syscall(SYS_close_range, (unsigned)highest + 1, ~0u, 0u);
}

static _Noreturn void begin(void) {
  signal(SIGCHLD, SIG_DFL);
  signal(SIGPIPE, SIG_DFL);
  setsid();
  place_descriptors();
  self_retitle(order.argv, order.argc);
  exit(core_command(order.argc, order.argv));
}

/* Where a command that could not be started would have told of its errors: its standard error, or the first of its descriptors. */
static int told_at(void) {
  for (int i = 0; i < order.fd_count; i++) if (order.numbers[i] == STDERR_FILENO) return order.fds[i];
  return order.fds[0];
}

int cmd_nursery(int argc, char **argv) {
  if (argc != 2) return 2;
  self_protect(argv - 1);
  self_retitle(argv - 1, 2);
  signal(SIGCHLD, SIG_IGN); /* nobody here waits for what was started */
  signal(SIGPIPE, SIG_IGN); /* nor for what could not be */
  for (bool understood; await_order(&understood); close_received()) {
    if (!understood) continue;
    pid_t pid = fork();
    if (pid == 0) begin();
    struct error err;
    if (pid < 0 && order.fd_count > 0) { error_errno(&err, "fork", order.argv[1]); error_write(told_at(), &err); }
  }
  return 0;
}
