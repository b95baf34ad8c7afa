#pragma once
#include "error.h"

/* Has a container that was started without a choice of processors, and has one by now, see that in its /sys/fs/cgroup: what lies there is the folder of its shim, and programs count processors by it. Version 1 alone;
   where something else is mounted, or nothing, nothing is done. The process is in the container's mount namespace afterwards. */
int show_cpuset(const char *path, int pid, unsigned long long start_time, struct error *err);
