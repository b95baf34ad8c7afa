#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "scope.h"

long file_read_at(int dir, const char *path, char *buffer, size_t size) {
  fd_auto fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  size_t used = 0;
  while (used < size - 1) {
    ssize_t n = read(fd, buffer + used, size - 1 - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    if (n == 0) break;
    used += (size_t)n;
  }
  buffer[used] = 0;
  return (long)used;
}

int file_write_at(int dir, const char *path, const char *text) {
  fd_auto fd = openat(dir, path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  return write(fd, text, strlen(text)) < 0 ? -1 : 0;
}

int file_write_all(int fd, const void *bytes, size_t length) {
  const char *at = bytes;
  while (length > 0) {
    ssize_t n = write(fd, at, length);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return -1;
    at += n;
    length -= (size_t)n;
  }
  return 0;
}

int file_make(const char *path, const void *bytes, size_t length, struct error *err) {
  fd_auto fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return error_errno(err, "open", path);
  if (file_write_all(fd, bytes, length) == 0) return 0;
  error_errno(err, "write", path);
  unlink(path);
  return -1;
}

int file_replace(const char *path, const void *bytes, size_t length, struct error *err) {
  char fresh[4096];
  if (snprintf(fresh, sizeof fresh, "%s.new", path) >= (int)sizeof fresh) return error_text(err, "path too long: %s", path);
  fd_auto fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return error_errno(err, "open", fresh);
  if (file_write_all(fd, bytes, length) < 0) { error_errno(err, "write", fresh); unlink(fresh); return -1; }
  if (rename(fresh, path) < 0) { error_errno(err, "rename", path); unlink(fresh); return -1; }
  return 0;
}

void file_sync(const char *path) {
  char folder[4096];
  if (snprintf(folder, sizeof folder, "%s", path) >= (int)sizeof folder) return;
  fd_auto file = open(path, O_RDONLY | O_CLOEXEC);
  if (file >= 0) fsync(file);
  char *slash = strrchr(folder, '/');
  if (slash) *slash = 0;
  fd_auto parent = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (parent >= 0) fsync(parent);
}

void file_close_others(unsigned first, const int *kept, size_t count) {
  for (int from = (int)first;;) {
    int next = -1;
    for (size_t i = 0; i < count; i++) if (kept[i] >= from && (next < 0 || kept[i] < next)) next = kept[i];
    if (next != from) syscall(SYS_close_range, (unsigned)from, next < 0 ? ~0u : (unsigned)next - 1, 0u);
    if (next < 0) return;
    fcntl(next, F_SETFD, FD_CLOEXEC);
    from = next + 1;
  }
}

unsigned long long process_start_time_of(int pid, char *state) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  if (file_read_at(AT_FDCWD, path, text, sizeof text) < 0) return 0;
  char *at = strrchr(text, ')'); /* the name before it may hold anything */
  if (!at || at[1] != ' ') return 0;
  if (state) *state = at[2];
  at++;
  for (int field = 3; at && field < 22; field++) { at = strchr(at + 1, ' '); }
  return at ? strtoull(at, NULL, 10) : 0;
}

unsigned long long process_start_time(int pid) { return process_start_time_of(pid, NULL); }
