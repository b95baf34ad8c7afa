#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "lib_api.h"

int lib_pipe(int out[2], struct error *err) {
  return pipe2(out, O_CLOEXEC) < 0 ? error_errno(err, "pipe2", NULL) : 0;
}

int lib_lock(const char *path, struct error *err) {
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return error_errno(err, "open", path);
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  error_errno(err, "flock", path);
  close(fd);
  return -1;
}

/* Reads state and start time from /proc/PID/stat: 1, or 0 where there is no such process. The name in parentheses may hold anything. */
static int read_stat(int pid, char *state, uint64_t *start_time, struct error *err) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT || errno == ESRCH ? 0 : error_errno(err, "open", path);
  ssize_t length = read(fd, text, sizeof text - 1);
  int code = errno;
  close(fd);
  errno = code;
  if (length < 0) return errno == ESRCH ? 0 : error_errno(err, "read", path);
  text[length] = 0;
  const char *at = strrchr(text, ')');
  if (!at || sscanf(at + 1, " %c", state) != 1) return error_text(err, "%s: not understood", path);
  for (int field = 2; field < 22; field++) {
    at = strchr(at + 1, ' ');
    if (!at) return error_text(err, "%s: not understood", path);
  }
  *start_time = strtoull(at + 1, NULL, 10);
  return 1;
}

int lib_signal(int pid, uint64_t start_time, int signal, struct error *err) {
  char path[32], state = 0;
  uint64_t started = 0;
  snprintf(path, sizeof path, "pid %d", pid);
  int fd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (fd < 0) return errno == ESRCH || errno == EINVAL ? 0 : error_errno(err, "pidfd_open", path);
  /* The pidfd is pinned first, so the process whose start time is read cannot be replaced before it is signalled. */
  int result = read_stat(pid, &state, &started, err);
  if (result == 1) {
    if (started != start_time || state == 'Z' || state == 'X') result = 0;
    else if (syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0) < 0) result = errno == ESRCH ? 0 : error_errno(err, "pidfd_send_signal", path);
  }
  close(fd);
  return result;
}
