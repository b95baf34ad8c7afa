#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "arena.h"
#include "attach.h"
#include "cgroup.h"
#include "config.h"
#include "console.h"
#include "control.h"
#include "core.h"
#include "file.h"
#include "foreign.h"
#include "launch.h"
#include "log.h"
#include "mapping.h"
#include "oom_watch.h"
#include "process.h"
#include "responder.h"
#include "scope.h"
#include "self.h"
#include "syslog.h"

/* How often one option may be given. */
#define OPTIONS_MAX RESPONDER_LIST
/* How long an attached reader that takes nothing keeps the end of a container. */
#define LAST_WAIT_MS 2000
#define START_TIMEOUT_S 15
#define RESPONDER_PAUSE_MS 1000
#define SYSLOG_PAUSE_MS 5

/* A shim's life: it makes its container, says so, keeps its output, answers its engine, and writes down how the container ended. */
struct shim {
  const char *bundle, *exit_file, *log_path, *resolv;
  char *zones[OPTIONS_MAX + 1], *links[OPTIONS_MAX + 1], *nameservers[OPTIONS_MAX + 1]; /* NULL-terminated */
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
  long long started;
  struct log log;
  struct foreign foreign; /* the runtime that makes the container; no program: our own core */
  char *mounted[OPTIONS_MAX + 1]; /* on the host, for the container alone: NULL-terminated */
  const char *syslog; /* options as JSON; NULL: no server gets the output */
  struct syslog_forward forward;
  struct control control;
  struct responder responder;
  bool poststop;  /* there are hooks to run after the end */
  long long responder_at; /* it died: when to start it again, in uptime_ms; 0: it lives */
};

static int usage(void) {
  fprintf(stderr, "usage: bayplan-core shim --bundle DIR --exit-file FILE --log FILE [--log-max BYTES] [--log-files N] [--dns ZONE …] [--dns-link NAME=OTHER …] [--dns-server ADDRESS …] [--dns-internal] [--resolv FILE] [--ready-fd N] [--control-fd N] [--lock-fd N] [--start-timeout SECONDS] [--detached] [--stdin open|once] [--attach-fd N:PARTS …] [--syslog OPTIONS] [--unmount DIR …] [--namespace-fd N …] [--runtime PROGRAM --runtime-root DIR --runtime-id ID [--runtime-arg ARGUMENT …]]\n");
  return 2;
}

static bool append(char *list[OPTIONS_MAX + 1], char *value) {
  size_t count = 0;
  while (list[count]) count++;
  if (count == OPTIONS_MAX) return false;
  list[count] = value;
  return true;
}

/* `FD:PARTS`: a connection that was there before the container. */
static bool add_attachment(struct shim *shim, char *text) {
  struct error err;
  char *parts = strchr(text, ':');
  return parts && attach_add(&shim->attach, atoi(text), parts + 1, &err) == 0;
}

static bool read_options(int argc, char **argv, struct shim *shim) {
  static const struct option options[] = {
    {"bundle", required_argument, NULL, 'b'}, {"exit-file", required_argument, NULL, 'e'}, {"log", required_argument, NULL, 'l'},
    {"log-max", required_argument, NULL, 'm'}, {"log-files", required_argument, NULL, 'n'}, {"dns", required_argument, NULL, 'd'},
    {"dns-internal", no_argument, NULL, 'i'}, {"resolv", required_argument, NULL, 'r'}, {"ready-fd", required_argument, NULL, 'f'}, {"lock-fd", required_argument, NULL, 'k'},
    {"control-fd", required_argument, NULL, 'c'}, {"dns-link", required_argument, NULL, 'a'}, {"dns-server", required_argument, NULL, 's'}, {"detached", no_argument, NULL, 't'},
    {"stdin", required_argument, NULL, 'S'}, {"attach-fd", required_argument, NULL, 'A'}, {"start-timeout", required_argument, NULL, 'o'}, {"syslog", required_argument, NULL, 'y'}, {"unmount", required_argument, NULL, 'u'}, {"namespace-fd", required_argument, NULL, 'N'}, FOREIGN_OPTIONS, {0},
  };
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (option) {
    case 'y': shim->syslog = optarg; break;
    case 'N': if (shim->lent_count == NAMESPACE_KINDS) return false; shim->lent[shim->lent_count++] = atoi(optarg); break;
    case 'u': if (!append(shim->mounted, optarg)) return false; break;
    case 'o': shim->start_timeout = atoi(optarg); break;
    case 'b': shim->bundle = optarg; break;
    case 'e': shim->exit_file = optarg; break;
    case 'l': shim->log_path = optarg; break;
    case 'm': shim->log_max = strtoull(optarg, NULL, 10); break;
    case 'n': shim->log_files = atoi(optarg); break;
    case 'd': if (!append(shim->zones, optarg)) return false; break;
    case 'a': if (!append(shim->links, optarg)) return false; break;
    case 's': if (!append(shim->nameservers, optarg)) return false; break;
    case 'i': shim->dns_internal = true; break;
    case 'r': shim->resolv = optarg; break;
    case 'f': shim->ready = atoi(optarg); break;
    case 'c': shim->ready = atoi(optarg); shim->engaged = true; break;
    case 't': shim->detached = true; break;
    case 'k': shim->lock = atoi(optarg); break;
    case 'S': shim->stdin_open = true; shim->stdin_once = strcmp(optarg, "once") == 0; break;
    case 'A': if (!add_attachment(shim, optarg)) return false; break;
    default: if (!foreign_option(&shim->foreign, option, optarg)) return false;
  }
  return optind == argc && (!shim->foreign.program || (shim->foreign.root && shim->foreign.id)) && shim->bundle && shim->exit_file && shim->log_path && *shim->bundle == '/' && *shim->exit_file == '/' && *shim->log_path == '/';
}

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

static long long uptime_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
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

static void remove_socket(const struct shim *shim) {
  char path[4200];
  snprintf(path, sizeof path, "%s/shim.sock", shim->bundle);
  unlink(path);
}

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

static const char *name_of(const char *bundle) {
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
  return foreign_start(&shim->foreign, shim->bundle, err);
}

static int start(struct shim *shim, struct config *config, struct launch *launch, struct error *err) {
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
  void *shared = mmap(NULL, PROGRESS_ROOM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return error_errno(err, "mmap", NULL);
  config->progress = shared;
  launch->config = config;
  launch->cgroup = cgroup;
  launch->timeout = shim->start_timeout;
  launch->state = (struct container_state){config->version, name_of(shim->bundle), shim->bundle, config};
  int result = launch_spawn(launch, &(struct init_stdio){stdio.in[0], stdio.out[1], stdio.errs[1], stdio.console[1], false}, err);
  close_theirs(&stdio);
  cgroup_close(cgroup);
  if (result < 0) return -1;
  if (!terminal) take_pipes(shim, &stdio);
  if (shim->zones[0] && responder_start(&shim->responder, err) < 0) return -1;
  result = launch_await(launch, err);
  munmap(shared, PROGRESS_ROOM);
  shim->pid = launch->pid;
  shim->pidfd = launch->pidfd;
  if (result < 0) return -1;
  return terminal ? take_terminal(shim, stdio.console[0], err) : 0;
}

/* Detached: whoever still has a file of it open keeps that, and nobody finds it any more. */
static void unmount(const struct shim *shim) {
  for (char *const *folder = shim->mounted; *folder; folder++) while (umount2(*folder, MNT_DETACH | UMOUNT_NOFOLLOW) == 0) continue;
}

/* Nothing of a container that could not start is left behind. */
static void undo(struct shim *shim, struct launch *launch) {
  struct error ignored;
  launch_undo(launch);
  if (shim->foreign.program) foreign_delete(&shim->foreign, shim->bundle, &ignored);
  responder_stop(&shim->responder);
  syslog_finish(&shim->forward, 0);
  if (shim->cgroup) cgroup_remove(shim->cgroup, &ignored); /* it is empty; the first error is the one to tell */
  unmount(shim);
  remove_socket(shim);
}

static int say_ready(struct shim *shim, struct error *err) {
  char line[256], path[4200];
  int self = getpid();
  int length = snprintf(line, sizeof line, "{\"version\":1,\"pid\":%d,\"startTime\":%llu,\"shimPid\":%d,\"shimStartTime\":%llu}\n", shim->pid,
    process_start_time(shim->pid), self, process_start_time(self));
  snprintf(path, sizeof path, "%s/pid", shim->bundle);
  if (file_replace(path, line, (size_t)length, err) < 0) return -1;
  (void)!write(shim->ready, line, (size_t)length); /* an engine that has died meanwhile reads the file */
  return 0;
}

static ssize_t take_output(struct shim *shim, int from, int stream) {
  const char *bytes;
  ssize_t n = log_copy(&shim->log, from, stream, &bytes);
  if (n > 0) {
    attach_output(&shim->attach, stream, bytes, (size_t)n);
    syslog_send(&shim->forward, stream, bytes, (size_t)n);
  }
  return n;
}

/* All that is left once the container has ended. Readers that are behind get their time here too. */
static void drain(struct shim *shim) {
  do attach_make_room(&shim->attach, LAST_WAIT_MS); while (shim->output >= 0 && take_output(shim, shim->output, LOG_STDOUT) > 0);
  do attach_make_room(&shim->attach, LAST_WAIT_MS); while (shim->errors >= 0 && take_output(shim, shim->errors, LOG_STDERR) > 0);
}

static void copy(struct shim *shim, int *from, int stream) {
  if (!attach_has_room(&shim->attach) || !syslog_has_room(&shim->forward)) return; /* what came on the other stream has filled it */
  ssize_t n = take_output(shim, *from, stream);
  if (n > 0 || (n < 0 && errno == EAGAIN)) return;
  close(*from);
  *from = -1;
}

/* How long `watch` may sleep: the soonest of an attached reader's end of patience, the responder's next start and the next look for kills. */
static int patience(const struct shim *shim) {
  const long long clocks[] = {shim->responder_at, shim->oom_at};
  int pause = attach_patience(&shim->attach);
  for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
    if (!clocks[i]) continue;
    long long left = clocks[i] - uptime_ms();
    int ms = left > 0 ? (int)left : 0;
    if (pause < 0 || ms < pause) pause = ms;
  }
  return pause;
}

/* By the clock, not by a quiet moment: a container that writes all the time leaves none. */
static void revive_responder(struct shim *shim) {
  struct error ignored;
  if (shim->responder.pidfd >= 0) shim->responder_at = 0; /* a request has started it meanwhile */
  if (!shim->responder_at || uptime_ms() < shim->responder_at) return;
  shim->responder_at = responder_start(&shim->responder, &ignored) < 0 ? uptime_ms() + RESPONDER_PAUSE_MS : 0;
}

/* The event of version 1 comes before the kill: it is looked for again, for a second. */
static void tell_oom(struct shim *shim) {
  char line[96];
  if (!shim->oom_at || uptime_ms() < shim->oom_at) return;
  long kills = cgroup_oom_kills(shim->cgroup);
  if (kills <= shim->oom_kills) { shim->oom_at = shim->oom_looks++ < 50 ? uptime_ms() + 20 : 0; return; }
  shim->oom_kills = kills;
  shim->oom_at = 0;
  shim->oom_looks = 0;
  snprintf(line, sizeof line, "{\"version\":1,\"event\":\"oom\",\"kills\":%ld}\n", kills);
  control_tell(&shim->control, line);
}

/* Until the container's first process has ended. */
static void watch(struct shim *shim) {
  enum { OUTPUT, ERRORS, PROCESS, RESPONDER, OOM, CONTROL, ATTACH = CONTROL + 1 + CONTROL_CLIENTS, COUNT = ATTACH + ATTACH_ENTRIES };
  struct pollfd entries[COUNT];
  for (;;) {
    bool sends = syslog_has_room(&shim->forward), takes = attach_has_room(&shim->attach) && sends;
    entries[OUTPUT] = (struct pollfd){.fd = takes ? shim->output : -1, .events = POLLIN};
    entries[ERRORS] = (struct pollfd){.fd = takes ? shim->errors : -1, .events = POLLIN};
    entries[PROCESS] = (struct pollfd){.fd = shim->pidfd, .events = POLLIN};
    entries[RESPONDER] = (struct pollfd){.fd = shim->responder.pidfd, .events = POLLIN};
    entries[OOM] = (struct pollfd){.fd = shim->oom, .events = POLLIN};
    control_poll(&shim->control, &entries[CONTROL]);
    attach_poll(&shim->attach, &entries[ATTACH]);
    int longest = patience(shim);
    if (poll(entries, COUNT, sends || (longest >= 0 && longest < SYSLOG_PAUSE_MS) ? longest : SYSLOG_PAUSE_MS) < 0) continue;
    revive_responder(shim);
    if (entries[OUTPUT].revents) copy(shim, &shim->output, LOG_STDOUT);
    if (entries[ERRORS].revents) copy(shim, &shim->errors, LOG_STDERR);
    if (entries[RESPONDER].revents) { responder_stop(&shim->responder); shim->responder_at = uptime_ms() + RESPONDER_PAUSE_MS; }
    if (entries[OOM].revents) { oom_watch_read(shim->oom); shim->oom_at = uptime_ms() + 1; }
    tell_oom(shim);
    attach_handle(&shim->attach, &entries[ATTACH]);
    control_handle(&shim->control, &entries[CONTROL]);
    if (entries[PROCESS].revents) return;
  }
}

/* A failing hook of these kinds changes nothing, and there is nobody here to warn. */
static void not_told(const struct error *err) { (void)err; }

/* After all is gone; the configuration is read anew, as it was given back after the start. */
static void run_poststop(const struct shim *shim) {
  struct config config;
  struct error err;
  if (!shim->poststop || config_read(shim->bundle, &config, &err) < 0) return;
  struct container_state state = {config.version, name_of(shim->bundle), shim->bundle, &config};
  hooks_run_all(&config, HOOK_POSTSTOP, hooks_state(&state, "stopped", 0), not_told);
}

/* What `waitid` tells, as the exit file's code and signal. */
static void finish(struct shim *shim) {
  siginfo_t info = {0};
  while (waitid(P_PIDFD, (id_t)shim->pidfd, &info, WEXITED) < 0 && errno == EINTR) continue;
  long long finished = now_ms();
  struct error err;
  /* Without a pid namespace others may outlive the first process, and hold its pipes. */
  if (shim->cgroup) cgroup_signal(shim->cgroup, SIGKILL, &err);
  drain(shim);
  long oom_kills = shim->cgroup ? cgroup_oom_kills(shim->cgroup) : 0;
  responder_stop(&shim->responder);
  if (shim->foreign.program) foreign_delete(&shim->foreign, shim->bundle, &err);
  bool removed = !shim->cgroup || cgroup_remove(shim->cgroup, &err) == 0;
  run_poststop(shim);
  unmount(shim);
  char line[512], lost[64] = "";
  if (shim->log.lost) snprintf(lost, sizeof lost, ",\"outputLost\":%llu", (unsigned long long)shim->log.lost);
  bool killed = info.si_code != CLD_EXITED;
  int length = snprintf(line, sizeof line, "{\"version\":1,\"exitCode\":%d,\"signal\":%d,\"oomKilled\":%s,\"startedAt\":%lld,\"finishedAt\":%lld%s%s}\n",
    killed ? 128 + info.si_status : info.si_status, killed ? info.si_status : 0, oom_kills > 0 ? "true" : "false", shim->started, finished,
    removed ? "" : ",\"cgroupLeft\":true", lost);
  if (file_replace(shim->exit_file, line, (size_t)length, &err) < 0) { /* a full disk: an exit is not lost to it, and what makes room may be waiting for this end */
    char path[4200];
    snprintf(path, sizeof path, "%s/exit", shim->bundle);
    file_replace(path, line, (size_t)length, &err);
  }
  remove_socket(shim);
  control_close(&shim->control);
  if (shim->lock >= 0) close(shim->lock);
  attach_finish(&shim->attach, LAST_WAIT_MS);
  syslog_finish(&shim->forward, LAST_WAIT_MS);
}

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
    || start(shim, &config, &launch, &err) < 0;
  while (shim->lent_count > 0) close(shim->lent[--shim->lent_count]);
  shim->control.pidfd = shim->pidfd;
  shim->control.container = shim->pid;
  shim->control.cgroup = shim->cgroup;
  shim->control.foreign = shim->foreign.program ? &shim->foreign : NULL;
  shim->control.bundle = shim->bundle;
  shim->started = now_ms();
  if (failed || say_ready(shim, &err) < 0) {
    undo(shim, &launch);
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
  watch(shim);
  finish(shim);
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
  if (!read_options(argc, argv, &shim)) return usage();
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
  static const int ignored[] = {SIGPIPE, SIGHUP, SIGINT, SIGTERM, SIGQUIT};
  for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) signal(ignored[i], SIG_IGN);
  _exit(live(&shim));
}
