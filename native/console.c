#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "inroot.h"
#include "mount_tree.h"
#include "scope.h"

int console_slave(int master) { return ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC); }

/* A container may have put something else there (CVE-2025-52565): only the multiplexer of a devpts answers for the terminals that it makes. */
static bool is_multiplexer(int fd) {
  struct stat stat;
  struct statfs file_system;
  return fstat(fd, &stat) == 0 && S_ISCHR(stat.st_mode) && stat.st_rdev == makedev(5, 2) && fstatfs(fd, &file_system) == 0 && file_system.f_type == DEVPTS_SUPER_MAGIC;
}

int console_open(int root, int *slave, struct error *err) {
  int unlocked = 0;
  fd_auto master = inroot_open(root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
  if (master < 0 && errno == ENOENT) return error_text(err, "no terminal can be made: the container has no devpts on /dev/pts");
  if (master < 0) return error_errno(err, "open", "/dev/pts/ptmx");
  if (!is_multiplexer(master)) return error_text(err, "no terminal can be made: /dev/pts/ptmx of the container is not that of a devpts");
  if (ioctl(master, TIOCSPTLCK, &unlocked) < 0) return error_errno(err, "ioctl(TIOCSPTLCK)", "/dev/pts/ptmx");
  if ((*slave = console_slave(master)) < 0) return error_errno(err, "ioctl(TIOCGPTPEER)", "/dev/pts/ptmx");
  return fd_steal(&master);
}

/* The place of the console: no link is followed there. */
static int open_place(int root, struct error *err) {
  int found = inroot_open_plain(root, "/dev/console", O_PATH);
  if (found >= 0) return found;
  if (errno == ELOOP) return error_text(err, "/dev/console is a link in this container, where its terminal belongs");
  return errno == ENOENT ? inroot_make(root, "/dev/console", true, 0600, err) : error_errno(err, "openat2", "/dev/console");
}

int console_show(int root, int slave, struct error *err) {
  fd_auto target = open_place(root, err);
  if (target < 0) return -1;
  fd_auto tree = open_tree(slave, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  return tree < 0 ? error_errno(err, "open_tree", "/dev/console") : tree_attach(tree, target, "/dev/console", err);
}

int console_adopt(int slave, struct error *err) {
  if (ioctl(slave, TIOCSCTTY, 0) < 0) return error_errno(err, "ioctl(TIOCSCTTY)", "the terminal");
  for (int fd = 0; fd < 3; fd++) if (dup2(slave, fd) < 0) return error_errno(err, "dup2", NULL);
  return 0;
}

int console_keep_newlines(int slave, struct error *err) {
  struct termios settings;
  if (tcgetattr(slave, &settings) < 0) return error_errno(err, "tcgetattr", "the terminal");
  settings.c_oflag &= ~(tcflag_t)ONLCR;
  return tcsetattr(slave, TCSANOW, &settings) < 0 ? error_errno(err, "tcsetattr", "the terminal") : 0;
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
