#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arena.h"
#include "console.h"
#include "device_nodes.h"
#include "file.h"
#include "hide.h"
#include "inroot.h"
#include "join.h"
#include "keyring.h"
#include "loopback.h"
#include "mounts.h"
#include "newroot.h"
#include "notify.h"
#include "process.h"
#include "schedule.h"
#include "scope.h"
#include "seccomp.h"
#include "sysctls.h"
#include "userns.h"

/* Waits at a gate until whoever launched us has done its part. */
static int stop_at(int gate, char stop, struct error *err) {
  char go;
  ssize_t n;
  if (gate < 0) return error_text(err, "nobody does the launcher's part for the container's user namespace");
  if (write(gate, &stop, 1) != 1) return error_errno(err, "write", "gate");
  do n = read(gate, &go, 1); while (n < 0 && errno == EINTR);
  return n == 1 ? 0 : error_text(err, "the runtime ended while the container was set up");
}

/* The root of a user namespace, once it has users. */
static int become_root(struct init_context *init, struct error *err) {
  if (init->config->namespaces & CLONE_NEWUSER && stop_at(init->gate, GATE_USERS, err) < 0) return -1;
  return userns_become_root(err);
}

static int enter_namespaces(struct init_context *init, struct error *err) {
  const struct config *config = init->config;
  if (!init->staged && (join_oom(config, err) < 0 || join_namespaces(config, err) < 0)) return -1;
  if (cgroup_join(init->cgroup, err) < 0 || schedule_cpus(NULL, err) < 0) return -1;
  if (config_has_users(config) && become_root(init, err) < 0) return -1;
  /* Only now, so that the cgroup namespace's root is the container's own cgroup. */
  return config->namespaces & CLONE_NEWCGROUP && unshare(CLONE_NEWCGROUP) < 0 ? error_errno(err, "unshare", "cgroup") : 0;
}

/* What is the container's alone from the start. */
static int set_up_own(const struct config *config, struct error *err) {
  if (config->namespaces & CLONE_NEWNET && loopback_up(err) < 0) return -1;
  if (config->hostname && sethostname(config->hostname, strlen(config->hostname)) < 0) return error_errno(err, "sethostname", config->hostname);
  if (config->domainname && setdomainname(config->domainname, strlen(config->domainname)) < 0) return error_errno(err, "setdomainname", config->domainname);
  return 0;
}

static int set_pipes(int root, const struct init_stdio *stdio, struct error *err) {
  char name[32];
  fd_auto device = device_null(root);
  fd_auto null = device < 0 ? -1 : open(inroot_name(device, name), O_RDONLY | O_CLOEXEC);
  if (null < 0) return error_errno(err, "open", "/dev/null");
  if (dup2(stdio->input < 0 ? null : stdio->input, 0) < 0 || dup2(stdio->output, 1) < 0 || dup2(stdio->errors, 2) < 0) return error_errno(err, "dup2", NULL);
  return 0;
}

static int set_terminal(const struct process_spec *process, int root, const struct init_stdio *stdio, struct error *err) {
  fd_auto slave = -1;
  fd_auto master = console_open(root, &slave, err);
  if (master < 0 || console_show(root, slave, err) < 0 || console_adopt(slave, err) < 0) return -1;
  if (process->columns && console_resize(master, process->columns, process->rows, err) < 0) return -1;
  if (stdio->foreground && console_keep_newlines(slave, err) < 0) return -1;
  return console_pass(stdio->console, master, err);
}

/* Hooks at the end of what can be seen from outside, before the root is changed. */
static int run_create_hooks(struct init_context *init, int root, struct error *err) {
  const struct config *config = init->config;
  if ((config->hooks[HOOK_PRESTART].count || config->hooks[HOOK_CREATE_RUNTIME].count) && stop_at(init->gate, GATE_HOOKS, err) < 0) return -1;
  if (init->gate >= 0) close(init->gate);
  if (!config->hooks[HOOK_CREATE_CONTAINER].count) return 0;
  if (fchdir(root) < 0) return error_errno(err, "fchdir", config->root); /* where runc has them too */
  return hooks_run(config, HOOK_CREATE_CONTAINER, hooks_state(init->state, "created", getpid()), err);
}

static int make_ready(struct init_context *init, struct sock_fprog *filter, struct error *err) {
  const struct config *config = init->config;
  if (seccomp_find(config, filter, err) < 0 || enter_namespaces(init, err) < 0 || (!init->options.keep_keyring && keyring_leave(err) < 0)) return -1;
  umask(0);
  fd_auto root = newroot_make(config, err);
  if (root < 0 || mounts_apply(config, root, init->cgroup, err) < 0) return -1;
  if (config->sysctl_count && (config_has_users(config) ? stop_at(init->gate, GATE_SYSCTLS, err) : sysctls_set(config, root, err)) < 0) return -1;
  progress_note(config->progress, "working folder %s", config->process.cwd);
  fd_auto cwd = inroot_make(root, config->process.cwd, false, 0755, err);
  if (cwd < 0 || run_create_hooks(init, root, err) < 0) return -1;
  if (hide_paths(config, root, err) < 0 || set_up_own(config, err) < 0) return -1;
  if ((config->process.terminal ? set_terminal(&config->process, root, &init->stdio, err) : set_pipes(root, &init->stdio, err)) < 0) return -1;
  if (newroot_enter(config, root, init->options.no_pivot, err) < 0) return -1;
  if (config->has_personality && personality(config->personality) < 0) return error_errno(err, "personality", NULL);
  return 0;
}

/* Says that the container is made, and waits for who starts it; from then on that one is told what goes wrong. */
static void leave(int number) { _exit(128 + number); }

static int await_start(struct init_context *init, struct error *err) {
  static const int ends[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
  int starter;
  /* The first process of a pid namespace gets no signal that it has no handler for, and what is only created is to end by them too. */
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) signal(ends[i], leave);
  do starter = accept4(init->options.listener, NULL, NULL, SOCK_CLOEXEC); while (starter < 0 && (errno == EINTR || errno == ECONNABORTED));
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) signal(ends[i], SIG_DFL);
  if (starter < 0) return error_errno(err, "accept4", "the wait for the start");
  close(init->options.listener);
  init->failure = starter;
  return 0;
}

/* Programs of the container's own, so with no more than its first process may: a process in between has that alone. */
static int start_hooks(struct init_context *init, const struct prepared *prepared, struct error *err) {
  char line[4096];
  int ends[2];
  const char *state = hooks_state(init->state, "created", getpid());
  if (!init->config->hooks[HOOK_START_CONTAINER].count) return 0;
  if (pipe2(ends, O_CLOEXEC) < 0) return error_errno(err, "pipe2", NULL);
  pid_t pid = fork();
  if (pid < 0) return error_errno(err, "fork", "hooks");
  if (pid == 0) {
    environ = prepared->env; /* of hooks that name none of their own */
    if ((prepared->filter && seccomp_apply(prepared->filter, init->config->process.filter_flags, err) < 0) || process_drop(&init->config->process, prepared, err) < 0 || hooks_run(init->config, HOOK_START_CONTAINER, state, err) < 0) error_write(ends[1], err);
    _exit(0);
  }
  close(ends[1]);
  ssize_t n = read(ends[0], line, sizeof line - 1);
  close(ends[0]);
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
  if (n <= 0) return 0;
  line[n] = 0;
  return error_read(line, err);
}

static int run(struct init_context *init, struct error *err) {
  struct sock_fprog filter;
  struct prepared prepared;
  const struct process_spec *process = &init->config->process;
  if (process_begin(process, init->options.preserve, &prepared, err) < 0 || make_ready(init, &filter, err) < 0) return -1;
  const struct notify *notify = process->notify;
  const int kept[] = {init->failure, init->options.listener, prepared.attributes, notify ? notify->socket : -1, notify ? notify->proc : -1};
  file_close_others(3 + init->options.preserve, kept, sizeof kept / sizeof *kept);
  if (process_prepare(process, filter.len ? &filter : NULL, &prepared, err) < 0) return -1;
  if (init->options.listener >= 0) {
    if (init->config->has_process && process_check(process, &prepared, err) < 0) return -1;
    if (prepared.filter && notify) { /* an agent hears of a container while it is created */
      if (notify_apply(notify, prepared.filter, process->filter_flags, err) < 0) return -1;
      prepared.filter = NULL;
    }
    if (write(init->failure, "\n", 1) != 1) return error_errno(err, "write", "failure pipe");
    close(init->failure);
    if (await_start(init, err) < 0) return -1;
  }
  if (!init->config->has_process) return error_text(err, "config.json: process: missing, so there is nothing to start");
  if (start_hooks(init, &prepared, err) < 0) return -1;
  progress_start(init->config->progress);
  process_run(process, &prepared, init->failure, err);
  return -1;
}

void init_part(struct init_context *init) {
  for (size_t i = 0; i < 2; i++) {
    if (init->launcher[i] >= 0) close(init->launcher[i]);
    init->launcher[i] = -1;
  }
}

void init_run(struct init_context *init) {
  struct error err = {0};
  init_part(init);
  setsid();
  prctl(PR_SET_DUMPABLE, 0); /* before execve nobody reads its /proc, in whose pid namespace it may be */
  run(init, &err);
  error_write(init->failure, &err);
  _exit(err.exit_code ? err.exit_code : 1);
}
