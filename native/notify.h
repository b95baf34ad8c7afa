#pragma once
#include <linux/filter.h>
#include "config.h"
#include "hooks.h"

/* A seccomp listener (linux.seccomp.listenerPath): the agent behind that socket gets the descriptor of what the filter puts to it, and the state of the container process. */
struct notify {
  int socket, proc;                       /* the agent, and the host's procfs, by which a process learns what number it has there */
  const char *metadata;
  const struct container_state *state;
  const char *status;
  int pid;                                /* the container's first process; 0: the one that has the filter */
};

/* Connects to the agent, before the container's root is entered. `process->notify` stays NULL where nothing is put to anybody. */
int notify_open(const struct config *config, struct process_spec *process, const struct container_state *state, const char *status, int pid, struct error *err);
void notify_close(struct process_spec *process);
/* seccomp_apply, and the listener sent on. */
int notify_apply(const struct notify *notify, const struct sock_fprog *program, unsigned flags, struct error *err);
