#pragma once
#include <linux/filter.h>
#include <sys/types.h>
#include "cgroup.h"
#include "config.h"
#include "init.h"

/* A process beside a container's first one. */
struct joined {
  int pid, target;                /* the container's process, and its pidfd */
  const struct process_spec *process;
  const struct cgroup *cgroup;    /* NULL: it stays where we are */
  const struct sock_fprog *filter; /* NULL: none */
  struct init_stdio stdio;        /* as for a container's first process; input -1: ours as they are */
  unsigned preserve;
  int failure;                    /* closed on exec; gets an error as JSON */
  bool says_start;                /* and a newline before it execs */
  int started;                    /* closed on exec; gets a newline before it, and a "!" where that failed; -1: none */
  unsigned long flags;            /* the container's namespaces that are not ours */
};

/* Makes it, in the container's pid namespace. Afterwards our own children are made there too. */
pid_t joined_spawn(struct joined *joined, int *pidfd, struct error *err);
