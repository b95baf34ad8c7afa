#pragma once
#include "cgroup.h"
#include "config.h"

/* Its ends of its stdio. With a terminal only `console`, a socket over which the terminal's master goes; `input` -1: /dev/null. */
struct init_stdio { int input, output, errors, console; };

/* What the container's first process does between clone3 and execve, inside the new namespaces. `failure`: closed on exec, gets a newline just
   before execve, and the error as JSON where there is one. */
_Noreturn void init_run(const struct config *config, const struct cgroup *cgroup, const struct init_stdio *stdio, int failure);
