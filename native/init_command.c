#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core.h"
#include "process.h"
#include "reaper.h"
#include "self.h"

/* The first process of a container that another runtime has made: starts the program, passes signals on, reaps, and ends as the program does. */
int cmd_init(int argc, char **argv) {
  struct error err = {0};
  if (argc < 3 || strcmp(argv[1], "--") != 0) {
    fprintf(stderr, "usage: bayplan-core init -- PROGRAM [ARGUMENT …]\n");
    return 2;
  }
  self_protect(argv - 1);
  if (reaper_split(-1, &err) < 0) {
    dprintf(2, "%s\n", err.text);
    return 125;
  }
  process_reset_signals();
  execvp(argv[2], argv + 2);
  int failed = errno;
  dprintf(2, "%s: %s\n", argv[2], strerror(failed));
  return failed == ENOENT ? 127 : 126;
}
