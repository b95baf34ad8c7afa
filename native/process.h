#pragma once
#include <linux/filter.h>
#include "config.h"

/* The last part of the way to a container's process, the same for its first one and for others that join. */

struct identity;
/* What stands between preparing a process and running it. */
struct prepared {
  const struct sock_fprog *filter;  /* NULL: none */
  struct identity *identity;
  char **env;
  bool inside;                      /* the working folder is entered */
  uint64_t caps[CAP_SETS];          /* as it will have them */
  int attributes;                   /* /proc/self/attr of the host's proc, which a label is set by; -1: none is wanted */
  unsigned preserve;                /* descriptors from 3 on that stay open */
};

/* First of all, while the host's /proc can be seen. */
int process_begin(const struct process_spec *process, unsigned preserve, struct prepared *prepared, struct error *err);
/* Raises limits that it wants above what is inherited, while that may be done: in a user namespace nobody can. Each gets its own value later. */
int process_raise_limits(const struct process_spec *process, struct error *err);
/* Inside the container's namespaces and below its root: limits, scheduling, working folder, groups, user, capabilities (one more is kept for putting the filter on). */
int process_prepare(const struct process_spec *process, const struct sock_fprog *filter, struct prepared *prepared, struct error *err);
/* Whether its program seems to be there; err->exit_code is 126 or 127. */
int process_check(const struct process_spec *process, const struct prepared *prepared, struct error *err);
/* Leaves only the capabilities that the process shall have. */
int process_drop(const struct process_spec *process, const struct prepared *prepared, struct error *err);
/* Label, seccomp, execve. Returns only on failure; for what could not be run, err->exit_code is 126 or 127. `about_to_run` (or -1) gets one newline just before
   execve: whoever reads it can tell a process that ran from one that was killed on the way. */
void process_run(const struct process_spec *process, struct prepared *prepared, int about_to_run, struct error *err);
/* process_prepare and process_run. */
void process_become(const struct process_spec *process, const struct sock_fprog *filter, struct prepared *prepared, int about_to_run, struct error *err);
/* Signals as a new process has them: all default, none blocked. */
void process_reset_signals(void);
