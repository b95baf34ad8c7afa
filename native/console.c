#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "inroot.h"
#include "scope.h"

int console_slave(int master) { return ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC); }

int console_open(int root, int *slave, struct error *err) {
  int unlocked = 0;
  fd_auto master = inroot_open(root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
  if (master < 0) return error_errno(err, "open", "/dev/pts/ptmx");
  if (ioctl(master, TIOCSPTLCK, &unlocked) < 0) return error_errno(err, "ioctl(TIOCSPTLCK)", "/dev/pts/ptmx");
  if ((*slave = console_slave(master)) < 0) return error_errno(err, "ioctl(TIOCGPTPEER)", "/dev/pts/ptmx");
  return fd_steal(&master);
}

int console_adopt(int slave, struct error *err) {
  if (ioctl(slave, TIOCSCTTY, 0) < 0) return error_errno(err, "ioctl(TIOCSCTTY)", "the terminal");
  for (int fd = 0; fd < 3; fd++) if (dup2(slave, fd) < 0) return error_errno(err, "dup2", NULL);
  return 0;
}

union passed { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr aligned; };

int console_pass(int socket, int master, struct error *err) {
  union passed control = {0};
  struct iovec byte = {.iov_base = "", .iov_len = 1};
  struct msghdr message = {.msg_iov = &byte, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
  memcpy(CMSG_DATA(header), &master, sizeof master);
  return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? error_errno(err, "sendmsg", "the terminal") : 0;
}

int console_receive(int socket, struct error *err) {
  union passed control = {0};
  char place;
  struct iovec byte = {.iov_base = &place, .iov_len = 1};
  struct msghdr message = {.msg_iov = &byte, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  ssize_t n;
  do n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC); while (n < 0 && errno == EINTR);
  struct cmsghdr *header = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
  if (!header || header->cmsg_type != SCM_RIGHTS) return error_text(err, "the process ended before it had its terminal");
  int master;
  memcpy(&master, CMSG_DATA(header), sizeof master);
  fcntl(master, F_SETFL, O_NONBLOCK);
  return master;
}

int console_resize(int master, unsigned width, unsigned height, struct error *err) {
  struct winsize size = {.ws_row = (unsigned short)height, .ws_col = (unsigned short)width};
  return ioctl(master, TIOCSWINSZ, &size) < 0 ? error_errno(err, "ioctl(TIOCSWINSZ)", "the terminal") : 0;
}

int console_request(int master, json_t *request, struct error *err) {
  json_int_t width = json_integer_value(json_object_get(request, "width")), height = json_integer_value(json_object_get(request, "height"));
  if (width < 0 || width > 65535 || height < 0 || height > 65535) { errno = EINVAL; return error_errno(err, "resize", "a terminal's size"); }
  if (master < 0) { errno = ENOTTY; return error_errno(err, "resize", "the container"); }
  return console_resize(master, (unsigned)width, (unsigned)height, err);
}
