#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 65536

struct record_header { uint64_t time; uint8_t stream, goes_on, zero[2]; uint32_t length; } __attribute__((packed));
static struct { struct record_header header; char bytes[CHUNK]; } record;
static struct { struct record_header header; char bytes[256]; } notice;

static int reopen(struct log *log) {
  struct stat stat;
  if (log->fd >= 0) close(log->fd);
  log->fd = open(log->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  log->size = log->fd >= 0 && fstat(log->fd, &stat) == 0 ? (uint64_t)stat.st_size : 0;
  return log->fd < 0 ? -1 : 0;
}

int log_open(struct log *log, const char *path, uint64_t max, int files, struct error *err) {
  *log = (struct log){.fd = -1, .path = path, .max = max, .files = files};
  return reopen(log) < 0 ? error_errno(err, "open", path) : 0;
}

/* FILE.1 to FILE.2, and so on; the oldest is overwritten. A reader that follows sees the name's inode change. */
static void rotate(struct log *log) {
  char from[4200], to[4200];
  for (int i = log->files - 2; i >= 0; i--) {
    snprintf(to, sizeof to, "%s.%d", log->path, i + 1);
    snprintf(from, sizeof from, i ? "%s.%d" : "%s", log->path, i);
    rename(from, to);
  }
  if (log->files < 2) unlink(log->path);
  reopen(log);
}

/* One record or nothing of it, so that the file stays readable, as on a full disk. */
static int append(struct log *log, const void *bytes, size_t length) {
  errno = EBADF;
  ssize_t written = log->fd < 0 ? -1 : write(log->fd, bytes, length);
  if (written == (ssize_t)length) { log->size += length; return 0; }
  if (written < 0) return -1;
  if (written > 0) (void)!ftruncate(log->fd, (off_t)log->size);
  errno = ENOSPC;
  return -1;
}

/* A line among the container's own, where the first can be written again after some were lost. */
static int tell_lost(struct log *log) {
  if (!log->untold) return 0;
  int length = snprintf(notice.bytes, sizeof notice.bytes, "bayplan: %llu bytes of output were lost here: %s\n", (unsigned long long)log->untold, strerror(log->why));
  notice.header = record.header;
  notice.header.stream = LOG_STDERR;
  notice.header.goes_on = 0;
  notice.header.length = (uint32_t)length;
  if (append(log, &notice, sizeof notice.header + (size_t)length) < 0) return -1;
  log->untold = 0;
  record.header.goes_on = 0; /* what it went on with is not there */
  return 0;
}

ssize_t log_copy(struct log *log, int from, int stream, const char **bytes) {
  ssize_t n;
  *bytes = record.bytes;
  do n = read(from, record.bytes, CHUNK); while (n < 0 && errno == EINTR);
  if (n <= 0) return n;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  record.header = (struct record_header){(uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec, (uint8_t)stream, log->open[stream], {0}, (uint32_t)n};
  log->open[stream] = record.bytes[n - 1] != '\n';
  size_t length = sizeof record.header + (size_t)n;
  if (log->max && log->size && log->size + length > log->max) rotate(log);
  if (tell_lost(log) < 0 || append(log, &record, length) < 0) {
    /* The container goes on. */
    log->why = errno;
    log->lost += (uint64_t)n;
    log->untold += (uint64_t)n;
    if (log->fd < 0) reopen(log);
  }
  return n;
}
