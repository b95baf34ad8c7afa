#include "deep_tree.h"

#include <sys/resource.h>

#define STACK (64ul << 20) /* two names of PATH_MAX a level, and as much again */

static void raise_to(int resource, rlim_t wanted) {
  struct rlimit limit;
  if (getrlimit(resource, &limit) < 0 || limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
  setrlimit(resource, &limit); /* up to the hard limit anybody may */
}

void deep_tree_prepare(void) {
  raise_to(RLIMIT_NOFILE, RLIM_INFINITY);
  raise_to(RLIMIT_STACK, STACK); /* the main thread's grows until then */
}
