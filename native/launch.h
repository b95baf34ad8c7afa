#pragma once
#include "cgroup.h"
#include "config.h"
#include "hooks.h"
#include "init.h"

/* A container's first process on its way from nothing to execve, as whoever starts it (shim, create, run) sees it. */
struct launch {
  struct config *config;
  struct cgroup *cgroup;          /* NULL: none */
  struct container_state state;   /* for hooks */
  struct init_options options;
  int timeout;                    /* seconds for all that comes before execve, hooks aside; 0: no end */
  pid_t pid;
  int pidfd;                      /* -1: there is no process */
  int failure, gate;              /* ours */
  char relayed[8192];             /* the error as the process itself wrote it, a JSON line; "" where it wrote none */
};

/* Makes the process in its namespaces. `stdio`: its ends, which the caller may close afterwards. */
int launch_spawn(struct launch *launch, const struct init_stdio *stdio, struct error *err);
/* Waits until it has exec'd (with options.listener: until it waits for its start), maps its users and runs hooks on the way. Where it fails, nothing of the process is left. */
int launch_await(struct launch *launch, struct error *err);
/* Kills what was launched, and reaps it. */
void launch_undo(struct launch *launch);
/* Reads from `failure` what a process on its way tells: EOF after a newline is success. `pidfd`: our child, asked for its end where it says nothing; -1: another's. `progress` names what hangs; `timeout` in seconds, 0: none. `relayed` as above. */
int launch_read(int failure, int pidfd, int timeout, const struct progress *progress, char *relayed, size_t size, struct error *err);
