#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "attach.h"
#include "config.h"
#include "control.h"
#include "foreign.h"
#include "launch.h"
#include "log.h"
#include "responder.h"
#include "syslog.h"

/* How often one option may be given. */
#define SHIM_LIST RESPONDER_LIST
/* How long an attached reader that takes nothing keeps the end of a container. */
#define SHIM_LAST_WAIT_MS 2000

/* A shim's life: it makes its container, says so, keeps its output, answers its engine, and writes down how the container ended. */
struct shim {
  const char *bundle, *exit_file, *log_path, *resolv;
  char *zones[SHIM_LIST + 1], *links[SHIM_LIST + 1], *nameservers[SHIM_LIST + 1]; /* NULL-terminated */
  int start_timeout; /* seconds for all that comes before execve */
  int log_files, ready, lock; /* lock: held open, never used; -1: none */
  int lent[NAMESPACE_KINDS], lent_count; /* namespaces that config.json names by these descriptors, until the container is made */
  bool engaged;   /* `ready` is an engine's end of the control socket, which stays open */
  bool detached;  /* in a session of its own, and no child of anybody's who waits */
  unsigned long long log_max;
  bool dns_internal;
  char *cgroup;
  pid_t pid;
  int pidfd, output, errors;
  int oom;        /* readable when the kernel may have killed in it; -1: it has no limit of memory */
  long oom_kills; /* that were told */
  int oom_looks;  /* for that one kill */
  long long oom_at; /* when to look for kills that an event was early for, in uptime_ms; 0: not at all */
  int slave;      /* the terminal's other side, so that its master never reads as hung up; -1: no terminal */
  bool stdin_open, stdin_once;
  struct attach attach;
  long long started; /* when the program was run, in ms since the epoch */
  struct log log;
  struct foreign foreign; /* the runtime that makes the container; no program: our own core */
  char *mounted[SHIM_LIST + 1]; /* on the host, for the container alone: NULL-terminated */
  const char *syslog; /* options as JSON; NULL: no server gets the output */
  struct syslog_forward forward;
  struct control control;
  struct responder responder;
  bool poststop;  /* there are hooks to run after the end */
  long long responder_at; /* it died: when to start it again, in uptime_ms; 0: it lives */
};

/* False: the options are not such. */
bool shim_options(int argc, char **argv, struct shim *shim);
/* Makes the container; what a failure leaves is for shim_undo. */
int shim_start(struct shim *shim, struct config *config, struct launch *launch, struct error *err);
/* Nothing of a container that could not start is left behind. */
void shim_undo(struct shim *shim, struct launch *launch);
/* Serves the container until its first process has ended. */
void shim_watch(struct shim *shim);
/* Takes all output that is left once the container has ended. Readers that are behind get their time here too. */
void shim_drain(struct shim *shim);
/* Reaps, takes everything away and writes the exit file. */
void shim_finish(struct shim *shim);
/* The container's name for hooks: its bundle's last folder. */
const char *shim_name(const char *bundle);
/* Wall clock. */
long long shim_now_ms(void);
