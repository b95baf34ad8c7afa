#pragma once
#include <linux/filter.h>
#include "config.h"

/* The last part of the way to a container's process, the same for its first one and for `exec`: called inside its namespaces and
   below its root. Limits, groups, user, capabilities, seccomp (`filter` may be NULL), environment, execve. Returns only on failure; for what
   could not be run, err->exit_code is 126 or 127. `about_to_run` (or -1) gets one newline just before execve: whoever reads it can tell a
   process that ran from one that was killed on the way. */
void process_become(const struct process_spec *process, const struct sock_fprog *filter, int about_to_run, struct error *err);
/* Signals as a new process has them: all default, none blocked. */
void process_reset_signals(void);
