#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
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
