#include "signal_name.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int signal_number(const char *name) {
  char *end;
  long number = strtol(name, &end, 10);
  if (*name && !*end) return number >= 0 && number < NSIG ? (int)number : -1;
  if (strncasecmp(name, "SIG", 3) == 0) name += 3;
  if (strncasecmp(name, "RTMIN", 5) == 0 || strncasecmp(name, "RTMAX", 5) == 0) {
    number = strtol(name + 5, &end, 10);
    number += strncasecmp(name, "RTMIN", 5) == 0 ? SIGRTMIN : SIGRTMAX;
    return !*end && number >= SIGRTMIN && number <= SIGRTMAX ? (int)number : -1;
  }
  if (strcasecmp(name, "CLD") == 0) return SIGCHLD;
  if (strcasecmp(name, "IOT") == 0) return SIGABRT;
  for (int i = 1; i < NSIG; i++) {
    const char *known = sigabbrev_np(i);
    if (known && strcasecmp(name, known) == 0) return i;
  }
  return -1;
}
