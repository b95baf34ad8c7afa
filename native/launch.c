#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "arena.h"
#include "file.h"
#include "notify.h"
#include "scope.h"
#include "spawn.h"
#include "stage.h"
#include "sysctls.h"
#include "userns.h"

#define KILLED_WITHIN_MS 5000

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

/* Whether the process has to stop on its way for us. */
static bool needs_gate(const struct config *config) {
  return config->namespaces & CLONE_NEWUSER || (config->sysctl_count && config_has_users(config)) || config->hooks[HOOK_PRESTART].count || config->hooks[HOOK_CREATE_RUNTIME].count;
}

int launch_spawn(struct launch *launch, const struct init_stdio *stdio, struct error *err) {
  struct config *config = launch->config;
  int failure[2], gate[2] = {-1, -1};
  if (pipe2(failure, O_CLOEXEC) < 0) return error_errno(err, "pipe2", NULL);
  if (needs_gate(config) && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, gate) < 0) return error_errno(err, "socketpair", NULL);
  struct init_context init = {.config = config, .cgroup = launch->cgroup, .stdio = *stdio, .failure = failure[1], .gate = gate[1], .launcher = {failure[0], gate[0]}, .options = launch->options,
    .state = &launch->state};
  if (notify_open(config, &config->process, &launch->state, "creating", 0, err) < 0) {
    launch->pid = -1;
  } else if (stage_is_needed(config)) {
    launch->pid = stage_run(&init, &launch->pidfd, err);
  } else {
    launch->pid = spawn(config->namespaces & ~(unsigned long)CLONE_NEWCGROUP, cgroup_v2_fd(launch->cgroup), &launch->pidfd);
    if (launch->pid == 0) init_run(&init);
    if (launch->pid < 0) error_errno(err, "clone3", config->cgroups_path);
  }
  notify_close(&config->process);
  close(failure[1]);
  if (gate[1] >= 0) close(gate[1]);
  launch->failure = failure[0];
  launch->gate = gate[0];
  return launch->pid < 0 ? -1 : 0;
}

static int answer(int gate, struct error *err) { return write(gate, "g", 1) == 1 ? 0 : error_errno(err, "write", "the container's first process"); }

/* One stop of the process. */
static int serve_gate(struct launch *launch, char stop, struct error *err) {
  const struct config *config = launch->config;
  if (stop == GATE_USERS) return userns_map(launch->pid, &config->mappings, err) < 0 ? -1 : answer(launch->gate, err);
  if (stop == GATE_SYSCTLS) return sysctls_set_of(config, launch->pidfd, err) < 0 ? -1 : answer(launch->gate, err);
  const char *state = hooks_state(&launch->state, "created", launch->pid); /* step 2 of the specification's lifecycle is done */
  if (hooks_run(config, HOOK_PRESTART, state, err) < 0 || hooks_run(config, HOOK_CREATE_RUNTIME, state, err) < 0) return -1;
  return answer(launch->gate, err);
}

/* Stops until there are no more: the process closes its end. */
static int serve_gates(struct launch *launch, struct error *err) {
  while (launch->gate >= 0) {
    char stop;
    struct pollfd entry = {.fd = launch->gate, .events = POLLIN};
    int ready = poll(&entry, 1, launch->timeout ? launch->timeout * 1000 : -1);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) break; /* the reading of the result tells what it hangs at */
    ssize_t n = read(launch->gate, &stop, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    if (serve_gate(launch, stop, err) < 0) return -1;
  }
  if (launch->gate >= 0) close(launch->gate);
  launch->gate = -1;
  return 0;
}

/* Why a process on its way has ended without a word: the kernel is out of memory, or a seccomp profile keeps it from saying one. */
static int silent_end(int pidfd, struct error *err) {
  siginfo_t info = {0};
  struct pollfd entry = {.fd = pidfd, .events = POLLIN};
  bool ended = pidfd >= 0 && poll(&entry, 1, KILLED_WITHIN_MS) > 0 && waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOWAIT) == 0 && info.si_code != CLD_EXITED;
  if (ended && info.si_status == SIGKILL) return error_text(err, "the container's first process was killed while it was set up (out of memory?)");
  if (ended) return error_text(err, "the container's first process was ended by signal %d (%s) while it was set up: its seccomp profile allows too little, which is execve to start a program, and write and exit_group to tell of a failure",
    info.si_status, strsignal(info.si_status));
  return error_text(err, "the container's first process was killed while it was set up (out of memory, or by a seccomp profile that allows too little?)");
}

int launch_read(int failure, int pidfd, int timeout, const struct progress *progress, char *relayed, size_t size, struct error *err) {
  size_t used = 0;
  struct pollfd entry = {.fd = failure, .events = POLLIN};
  long long end = timeout ? now_ms() + timeout * 1000ll : 0;
  for (ssize_t n = 0; used < size - 1;) {
    long long left = end ? end - now_ms() : -1;
    int ready = poll(&entry, 1, end && left < 0 ? 0 : (int)left);
    if (ready == 0) return error_text(err, "%s does not answer (%d s): is its server gone?", progress && *progress->at ? progress->at : "the set-up of the container", timeout);
    if (ready > 0 && (n = read(failure, relayed + used, size - 1 - used)) == 0) break;
    if (ready < 0 || n < 0) {
      if (errno == EINTR) continue;
      return error_errno(err, "read", "failure pipe");
    }
    used += (size_t)n;
  }
  relayed[used] = 0;
  if (used == 1 && relayed[0] == '\n') { relayed[0] = 0; return 0; }
  if (relayed[0] == '\n') memmove(relayed, relayed + 1, used);
  return used == 0 ? silent_end(pidfd, err) : error_read(relayed, err);
}

int launch_await(struct launch *launch, struct error *err) {
  int result = serve_gates(launch, err);
  if (result == 0) result = launch_read(launch->failure, launch->pidfd, launch->timeout, launch->config->progress, launch->relayed, sizeof launch->relayed, err);
  close(launch->failure);
  if (launch->gate >= 0) close(launch->gate);
  launch->gate = -1;
  if (result < 0) launch_undo(launch);
  return result;
}

void launch_undo(struct launch *launch) {
  if (launch->pidfd < 0) return;
  syscall(SYS_pidfd_send_signal, launch->pidfd, SIGKILL, NULL, 0);
  struct pollfd entry = {.fd = launch->pidfd, .events = POLLIN};
  if (poll(&entry, 1, KILLED_WITHIN_MS) > 0) waitid(P_PIDFD, (id_t)launch->pidfd, NULL, WEXITED); /* not every wait in the kernel ends by SIGKILL */
  close(launch->pidfd);
  launch->pidfd = -1;
}
