#pragma once
#include <stdbool.h>
#include "cgroup_limits.h"

/* Where cgroups are: hierarchies by number, those of version 1 as in cgroup_limits.h, and that of version 2. */
#define CGROUP_UNIFIED V1_COUNT
#define CGROUP_HIERARCHIES (V1_COUNT + 1)

/* Whether there is version 2 and no other. */
bool cgroup_v2_alone(void);
/* Folder of a hierarchy's root (64 bytes of room); false where it is not mounted. */
bool cgroup_hierarchy(int which, char *out);
/* Folder of a cgroup in one hierarchy (4096 bytes of room); false where that is not mounted. */
bool cgroup_folder(int which, const char *path, char *out);
/* The same without asking whether it is mounted: where it is not nothing is there. */
bool cgroup_possible_folder(int which, const char *path, char *out);
/* A hierarchy's own name: where controllers share one, /sys/fs/cgroup/cpu is a link to the folder `cpu,cpuacct`. May lie in the arena. */
const char *cgroup_real_name(int which);
