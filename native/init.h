#pragma once
#include "cgroup.h"
#include "config.h"

/* What the container's first process does between clone3 and execve, inside the new namespaces. `output`, `errors`: its stdout and stderr;
   `failure`: closed on exec, gets a newline just before execve, and the error as JSON where there is one. */
_Noreturn void init_run(const struct config *config, const struct cgroup *cgroup, int output, int errors, int failure);
