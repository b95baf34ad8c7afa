#pragma once
#include <jansson.h>

/* A container's use of cpu, memory, disks, huge pages and processes, in the form of `runc events`. What its hierarchies do not tell is left out. */
json_t *cgroup_stats(const char *path);
