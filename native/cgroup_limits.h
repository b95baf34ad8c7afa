#pragma once
#include <stdbool.h>
#include "config.h"

#define CGROUP_TOP "/sys/fs/cgroup"
/* Controllers of version 1, each a hierarchy of its own name below CGROUP_TOP. */
enum { V1_MEMORY, V1_CPU, V1_CPUACCT, V1_PIDS, V1_DEVICES, V1_FREEZER, V1_BLKIO, V1_CPUSET, V1_HUGETLB, V1_NET_CLS, V1_NET_PRIO, V1_COUNT };
extern const char *const cgroup_v1_names[V1_COUNT];

/* Whether the container needs a cgroup in that hierarchy: those behind cpuset only hold what is asked for. */
bool cgroup_wants_v1(int which, const struct resources *r);
/* Writes what one hierarchy of version 1 holds. `folder`: the container's cgroup there, `where`: its path. */
int cgroup_limit_v1(int which, int folder, const char *where, const struct resources *r, struct error *err);
/* Writes all but the devices where version 2 is alone. What it has no file for and nobody's safety hangs on (swappiness, the OOM killer's switch) is left out. */
int cgroup_limit_v2(int folder, const char *where, const struct resources *r, struct error *err);
/* Of it the limits of huge pages alone. */
int cgroup_limit_huge_v2(int folder, const char *where, const struct resources *r, struct error *err);
/* A limit that no controller of this machine holds is an error: the container would run without it. `is_there` says of a controller whether it is. */
int cgroup_require(bool (*is_there)(int which, const void *of), const void *of, bool unified, const struct resources *r, struct error *err);
