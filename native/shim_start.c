#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cgroup.h"
#include "console.h"
#include "mapping.h"
#include "oom_watch.h"

/* Both sides of a container's stdio: ours in the shim, the other in `theirs`. Without a terminal three pipes, or two where nobody can write to its stdin. */
struct stdio { int in[2], out[2], errs[2], console[2]; };

static int open_stdio(struct stdio *stdio, bool terminal, bool input, struct error *err) {
  *stdio = (struct stdio){{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
  if (terminal) return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stdio->console) < 0 ? error_errno(err, "socketpair", NULL) : 0;
  if (input && pipe2(stdio->in, O_CLOEXEC) < 0) return error_errno(err, "pipe2", "stdin");
  return pipe2(stdio->out, O_CLOEXEC) < 0 || pipe2(stdio->errs, O_CLOEXEC) < 0 ? error_errno(err, "pipe2", NULL) : 0;
}

/* With users of its own its root owns its pipes: programs open them anew as /dev/stdout. */
static int give_stdio(const struct stdio *stdio, const struct mappings *users, struct error *err) {
  const int theirs[] = {stdio->in[0], stdio->out[1], stdio->errs[1]};
  uint32_t uid, gid;
  if (!users->uid_count || !mapping_outside(users->uids, users->uid_count, 0, &uid) || !mapping_outside(users->gids, users->gid_count, 0, &gid)) return 0;
  for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++) if (theirs[i] >= 0 && fchown(theirs[i], uid, gid) < 0) return error_errno(err, "fchown", "the container's stdio");
  return 0;
}

static void close_theirs(const struct stdio *stdio) {
  const int theirs[] = {stdio->in[0], stdio->out[1], stdio->errs[1], stdio->console[1]};
  for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++) if (theirs[i] >= 0) close(theirs[i]);
}

static void take_pipes(struct shim *shim, const struct stdio *stdio) {
  shim->output = stdio->out[0];
  shim->errors = stdio->errs[0];
  fcntl(shim->output, F_SETFL, O_NONBLOCK);
  fcntl(shim->errors, F_SETFL, O_NONBLOCK);
  if (stdio->in[1] >= 0) fcntl(stdio->in[1], F_SETFL, O_NONBLOCK);
  attach_input(&shim->attach, stdio->in[1], false, shim->stdin_once);
}

static int take_terminal(struct shim *shim, int console, struct error *err) {
  shim->output = shim->control.terminal = console_receive(console, err);
  close(console);
  if (shim->output < 0) return -1;
  if ((shim->slave = console_slave(shim->output)) < 0) return error_errno(err, "ioctl(TIOCGPTPEER)", "the terminal");
  attach_input(&shim->attach, shim->stdin_open ? shim->output : -1, true, shim->stdin_once);
  return 0;
}

const char *shim_name(const char *bundle) {
  const char *slash = strrchr(bundle, '/');
  return slash && slash[1] ? slash + 1 : bundle;
}

static int take_stdio(struct shim *shim, const struct stdio *stdio, int master, struct error *err) {
  if (master < 0) { take_pipes(shim, stdio); return 0; }
  shim->output = shim->control.terminal = master;
  if ((shim->slave = console_slave(master)) < 0) return error_errno(err, "ioctl(TIOCGPTPEER)", "the terminal");
  attach_input(&shim->attach, shim->stdin_open ? master : -1, true, shim->stdin_once);
  return 0;
}

/* The same by another runtime: it makes cgroup and namespaces, and its first process is our child. */
static int start_foreign(struct shim *shim, struct config *config, struct error *err) {
  struct stdio stdio = {{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
  struct foreign_process made;
  bool terminal = config->process.terminal;
  shim->foreign.timeout = shim->start_timeout;
  if (config->cgroups_path) shim->cgroup = strdup(config->cgroups_path);
  if (shim->zones[0] && responder_bind(&shim->responder, config->joins[NS_NETWORK], err) < 0) return -1;
  if (!terminal && open_stdio(&stdio, false, shim->stdin_open, err) < 0) return -1;
  int rc = foreign_create(&shim->foreign, shim->bundle, &(struct foreign_stdio){stdio.in[0], stdio.out[1], stdio.errs[1]}, terminal, &made, err);
  close_theirs(&stdio);
  shim->pid = made.pid;
  shim->pidfd = made.pidfd;
  if (rc < 0 || take_stdio(shim, &stdio, made.master, err) < 0) return -1;
  if (shim->cgroup && config->resources.memory > 0) shim->oom = oom_watch_open(shim->cgroup);
  if (shim->zones[0] && responder_start(&shim->responder, err) < 0) return -1;
  shim->started = shim_now_ms();
  return foreign_start(&shim->foreign, shim->bundle, err);
}

int shim_start(struct shim *shim, struct config *config, struct launch *launch, struct error *err) {
  struct stdio stdio;
  if (shim->foreign.program) return start_foreign(shim, config, err);
  bool terminal = config->process.terminal;
  if (!(config->namespaces & namespaces[NS_MOUNT].flag)) return error_text(err, "config.json: linux.namespaces: a mount namespace of its own is needed");
  if (!config->has_process) return error_text(err, "config.json: process: missing");
  if (shim->zones[0]) {
    if (!config->joins[NS_NETWORK]) return error_text(err, "--dns needs a network namespace by path");
    if (responder_bind(&shim->responder, config->joins[NS_NETWORK], err) < 0) return -1;
  }
  struct cgroup *cgroup = NULL;
  if (config->cgroups_path) {
    cgroup = cgroup_create(config->cgroups_path, &config->resources, err);
    if (!cgroup) return -1;
    shim->cgroup = strdup(config->cgroups_path);
    if (config->resources.memory > 0) shim->oom = oom_watch_open(shim->cgroup); /* without a limit of its own the kernel kills for the machine's sake, which its count tells at the end */
  }
  if (open_stdio(&stdio, terminal, shim->stdin_open, err) < 0 || give_stdio(&stdio, &config->mappings, err) < 0) return -1;
  struct progress *progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (progress == MAP_FAILED) return error_errno(err, "mmap", NULL);
  config->progress = progress;
  launch->config = config;
  launch->cgroup = cgroup;
  launch->timeout = shim->start_timeout;
  launch->state = (struct container_state){config->version, shim_name(shim->bundle), shim->bundle, config};
  int result = launch_spawn(launch, &(struct init_stdio){stdio.in[0], stdio.out[1], stdio.errs[1], stdio.console[1], false}, err);
  close_theirs(&stdio);
  cgroup_close(cgroup);
  if (result < 0) return -1;
  if (!terminal) take_pipes(shim, &stdio);
  if (shim->zones[0] && responder_start(&shim->responder, err) < 0) return -1;
  result = launch_await(launch, err);
  shim->started = progress->started;
  munmap(progress, sizeof *progress);
  shim->pid = launch->pid;
  shim->pidfd = launch->pidfd;
  if (result < 0) return -1;
  return terminal ? take_terminal(shim, stdio.console[0], err) : 0;
}
