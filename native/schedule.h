#pragma once
#include "config.h"

/* process.scheduler and process.ioPriority, for the calling process. */
int schedule_apply(const struct process_spec *process, struct error *err);
/* CPUs as a list (`0-3,6`), for the calling process; NULL: all that its cgroup allows, whatever the caller was bound to. */
int schedule_cpus(const char *list, struct error *err);
