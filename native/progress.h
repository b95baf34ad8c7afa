#pragma once

#define PROGRESS_ROOM 1024

/* Memory that the shim shares with a container's first process on its way, which writes there. Each takes a NULL where nobody looks. */
struct progress {
  long long started;      /* when it ran the program, in ms since the epoch; 0: not yet */
  char at[PROGRESS_ROOM]; /* what it is at that may hang */
};

void progress_note(struct progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));
void progress_start(struct progress *progress);
