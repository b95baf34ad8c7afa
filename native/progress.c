#include "progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

void progress_note(struct progress *progress, const char *format, ...) {
  if (!progress) return;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(progress->at, sizeof progress->at, format, arguments);
  va_end(arguments);
}

void progress_start(struct progress *progress) {
  struct timespec now;
  if (!progress) return;
  clock_gettime(CLOCK_REALTIME, &now);
  progress->started = now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}
