#pragma once
#include "error.h"

/* A descriptor that becomes readable when the kernel may have killed in that cgroup for want of memory: an eventfd of version 1, an inotify of version 2. -1 where there
   is none to be had. */
int oom_watch_open(const char *cgroup);
/* Takes what made it readable. */
void oom_watch_read(int fd);
