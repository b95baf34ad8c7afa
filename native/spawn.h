#pragma once
#include <sys/types.h>

/* fork into namespaces (`flags`, CLONE_NEW*) and, where `cgroup` is not -1, into that v2 cgroup. 0 in the child. `pidfd` names the
   child, closed on exec. -1 with errno. */
pid_t spawn(unsigned long flags, int cgroup, int *pidfd);
