#pragma once
#include "error.h"

/* How a container's files are reached: by a process of it that runs, or by its bundle. */
struct container_ref {
  int pid;
  unsigned long long start_time;
  const char *bundle;
  int mounts;   /* of a bundle: with its binds too */
};

/* Moves this process, which has one thread, into the container's mount namespace, or into one of its own in which the container's root is, and there below
   that root: no name, `..` or link leads out of it from then on. `self`: O_PATH descriptor of /proc/self/fd, which may not be there afterwards.
   A descriptor of the root. */
int container_root_enter(const struct container_ref *ref, int *self, struct error *err);
