#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>
#include "lib_api.h"

int lib_pipe(int out[2], struct error *err) {
  return pipe2(out, O_CLOEXEC) < 0 ? error_errno(err, "pipe2", NULL) : 0;
}

int lib_socket_pair(int out[2], struct error *err) {
  return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out) < 0 ? error_errno(err, "socketpair", NULL) : 0;
}

int lib_sync(const char *const paths[], int count, struct error *err) {
  for (int i = 0; i < count; i++) {
    int fd = open(paths[i], O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) continue;
    if (fd < 0) return error_errno(err, "open", paths[i]);
    int result = fsync(fd) < 0 ? error_errno(err, "fsync", paths[i]) : 0;
    close(fd);
    if (result < 0) return -1;
  }
  return 0;
}

int lib_lock(const char *path, struct error *err) {
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return error_errno(err, "open", path);
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  error_errno(err, "flock", path);
  close(fd);
  return -1;
}
