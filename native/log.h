#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "error.h"

/* A container's log: records as README.md says, in files that rotate. */
enum { LOG_STDOUT = 1, LOG_STDERR = 2 };
struct log {
  int fd;
  const char *path;
  uint64_t size, max;
  int files;
  bool open[LOG_STDERR + 1]; /* the stream's last record ended within a line */
  uint64_t lost, untold;     /* bytes that could not be written; those of them that no record tells of yet */
  int why;                   /* errno of the last that could not */
};

/* `max` in bytes, 0: never rotates; `files` in all. Goes on after what is there. */
int log_open(struct log *log, const char *path, uint64_t max, int files, struct error *err);
/* Reads once from `from` (non-blocking) and writes what came as one record; `bytes` is where it lies until the next call. The result of read(2). */
ssize_t log_copy(struct log *log, int from, int stream, const char **bytes);
