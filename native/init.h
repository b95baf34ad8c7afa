#pragma once
#include "cgroup.h"
#include "config.h"
#include "hooks.h"

/* Its ends of its stdio. With a terminal only `console`, a socket over which the terminal's master goes (`foreground`: to who shows it as its own output); `input` -1: /dev/null. */
struct init_stdio { int input, output, errors, console; bool foreground; };

struct init_options {
  int listener;       /* a listening socket: the program runs once somebody has connected, who is told how that went; -1: at once */
  unsigned preserve;  /* descriptors from 3 on that the program gets too */
  bool no_pivot;      /* the root is moved over the old one instead: for roots that pivot_root(2) refuses (ramfs) */
  bool keep_keyring;  /* the session keyring stays the starter's */
};

/* Stops where the process waits for whoever launched it, one byte each. */
enum { GATE_USERS = 'u', GATE_SYSCTLS = 's', GATE_HOOKS = 'h' };

struct init_context {
  struct config *config;
  const struct cgroup *cgroup;
  struct init_stdio stdio;
  int failure;        /* closed on exec, gets a newline just before execve (or the wait for the start), and the error as JSON where there is one */
  int gate;           /* -1: no stops */
  int launcher[2];    /* the other ends of both, which the launcher alone may hold: whoever waits for it learns by them that it has died; -1: none */
  struct init_options options;
  const struct container_state *state;
  bool staged;        /* namespaces by path are joined already */
};

/* What the container's first process does between clone3 and execve, inside the new namespaces. */
_Noreturn void init_run(struct init_context *init);
/* Closes what only the launcher may hold. */
void init_part(struct init_context *init);
