#include "shim.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arena.h"
#include "core.h"
#include "file.h"
#include "process.h"
#include "self.h"

#define START_TIMEOUT_S 15

static int usage(void) {
  fprintf(stderr, "usage: bayplan-core shim --bundle DIR --exit-file FILE --log FILE [--log-max BYTES] [--log-files N] [--dns ZONE …] [--dns-link NAME=OTHER …] [--dns-server ADDRESS …] [--dns-internal] [--resolv FILE] [--ready-fd N] [--control-fd N] [--lock-fd N] [--start-timeout SECONDS] [--detached] [--stdin open|once] [--attach-fd N:PARTS …] [--syslog OPTIONS] [--unmount DIR …] [--namespace-fd N …] [--runtime PROGRAM --runtime-root DIR --runtime-id ID [--runtime-arg ARGUMENT …]]\n");
  return 2;
}

/* Takes away what an earlier run in this folder left, so that nobody reads it as ours. */
static void forget_former(const struct shim *shim) {
  char path[4200];
  snprintf(path, sizeof path, "%s/pid", shim->bundle);
  unlink(path);
  unlink(shim->exit_file);
  snprintf(path, sizeof path, "%s/exit", shim->bundle);
  unlink(path);
}

static int say_ready(struct shim *shim, struct error *err) {
  char line[256], path[4200];
  int self = getpid();
  int length = snprintf(line, sizeof line, "{\"version\":1,\"pid\":%d,\"startTime\":%llu,\"shimPid\":%d,\"shimStartTime\":%llu,\"startedAt\":%lld}\n", shim->pid,
    process_start_time(shim->pid), self, process_start_time(self), shim->started);
  snprintf(path, sizeof path, "%s/pid", shim->bundle);
  if (file_replace(path, line, (size_t)length, err) < 0) return -1;
  (void)!write(shim->ready, line, (size_t)length); /* an engine that has died meanwhile reads the file */
  return 0;
}

/* A failing hook of these kinds changes nothing, and there is nobody here to warn. */
static void not_told(const struct error *err) { (void)err; }

/* The shim proper, in a session of its own. */
static int live(struct shim *shim) {
  static struct launch launch = {.pidfd = -1, .failure = -1, .gate = -1, .options = {.listener = -1}};
  struct error err = {0};
  struct config config;
  arena_open();
  forget_former(shim);
  bool failed = config_read(shim->bundle, &config, &err) < 0
    || log_open(&shim->log, shim->log_path, shim->log_max, shim->log_files, &err) < 0
    || (shim->syslog && syslog_start(&shim->forward, shim->syslog, &err) < 0) /* before there is more that its child would hold */
    || control_open(&shim->control, shim->bundle, &err) < 0
    || shim_start(shim, &config, &launch, &err) < 0;
  while (shim->lent_count > 0) close(shim->lent[--shim->lent_count]);
  shim->control.pidfd = shim->pidfd;
  shim->control.container = shim->pid;
  shim->control.cgroup = shim->cgroup;
  shim->control.foreign = shim->foreign.program ? &shim->foreign : NULL;
  shim->control.bundle = shim->bundle;
  if (failed || say_ready(shim, &err) < 0) {
    shim_undo(shim, &launch);
    if (launch.relayed[0] == '{') (void)!write(shim->ready, launch.relayed, strlen(launch.relayed));
    else error_write(shim->ready, &err);
    return 1;
  }
  if (config.hooks[HOOK_POSTSTART].count && !shim->foreign.program) hooks_run_all(&config, HOOK_POSTSTART, hooks_state(&launch.state, "running", shim->pid), not_told);
  shim->poststop = config.hooks[HOOK_POSTSTOP].count && !shim->foreign.program; /* it runs them itself */
  if (shim->engaged) control_add(&shim->control, shim->ready);
  else close(shim->ready);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < 3 && null >= 0; fd++) dup2(null, fd);
  close(null);
  (void)!file_write_at(AT_FDCWD, "/proc/self/oom_score_adj", "-998"); /* the last to go: its container's output and exit are in its hands */
  arena_reset();
  shim_watch(shim);
  shim_finish(shim);
  return 0;
}

/* Returns in a second process, which has a session of its own before the first one ends. */
static int detach(struct error *err) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return error_errno(err, "pipe2", NULL);
  pid_t child = fork();
  if (child < 0) return error_errno(err, "fork", NULL);
  if (child > 0) {
    char byte;
    close(ends[1]);
    (void)!read(ends[0], &byte, 1); /* EOF: the second one has its session */
    _exit(0);
  }
  setsid();
  close(ends[0]);
  close(ends[1]);
  return 0;
}

/* Only what was named by an option is ours to keep. */
static void close_strange(const struct shim *shim) {
  int kept[2 + ATTACH_CLIENTS + NAMESPACE_KINDS] = {shim->ready, shim->lock};
  size_t count = 2;
  for (int i = 0; i < ATTACH_CLIENTS; i++) kept[count++] = shim->attach.clients[i].fd;
  for (int i = 0; i < shim->lent_count; i++) kept[count++] = shim->lent[i];
  file_close_others(3, kept, count);
}

int cmd_shim(int argc, char **argv) {
  struct shim shim = {.ready = 2, .lock = -1, .log_files = 1, .start_timeout = START_TIMEOUT_S, .resolv = "/etc/resolv.conf", .pidfd = -1, .output = -1, .errors = -1, .slave = -1, .oom = -1, .forward = {.pipe = -1},
    .responder = {.udp = -1, .tcp = -1, .lifeline = -1, .pidfd = -1}};
  self_protect(argv - 1);
  attach_open(&shim.attach);
  shim.control.attach = &shim.attach;
  shim.control.terminal = -1;
  if (!shim_options(argc, argv, &shim)) return usage();
  shim.responder.host_resolv = shim.resolv;
  if (shim.dns_internal) shim.resolv = shim.nameservers[0] = NULL;
  shim.control.responder = &shim.responder;
  shim.responder.bundle = shim.bundle;
  shim.responder.zones = shim.zones;
  shim.responder.links = shim.links;
  shim.responder.nameservers = shim.nameservers;
  shim.responder.resolv = shim.resolv;
  close_strange(&shim);
  struct error err;
  if (!shim.detached && detach(&err) < 0) { error_write(shim.ready, &err); return 1; }
  process_reset_signals();
  static const int ignored[] = {SIGPIPE, SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGXFSZ};
  for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) signal(ignored[i], SIG_IGN);
  _exit(live(&shim));
}
