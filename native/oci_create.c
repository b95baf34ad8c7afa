#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arena.h"
#include "cgroup.h"
#include "connect.h"
#include "console.h"
#include "file.h"
#include "foreground.h"
#include "json_file.h"
#include "launch.h"
#include "network_ahead.h"
#include "newroot.h"
#include "oci.h"
#include "pid_file.h"
#include "scope.h"

struct request {
  const char *bundle, *config, *console_socket, *pid_file, *pidfd_socket;
  bool detach, keep, waits;  /* waits: for `start` */
  struct init_options options;
};

static bool read_options(int argc, char **argv, struct request *request) {
  static const struct option options[] = {
    {"bundle", required_argument, NULL, 'b'}, {"config", required_argument, NULL, 'f'}, {"console-socket", required_argument, NULL, 'c'}, {"pidfd-socket", required_argument, NULL, 'q'}, {"pid-file", required_argument, NULL, 'p'}, {"preserve-fds", required_argument, NULL, 'P'},
    {"no-pivot", no_argument, NULL, 'n'}, {"no-new-keyring", no_argument, NULL, 'k'}, {"detach", no_argument, NULL, 'd'}, {"keep", no_argument, NULL, 'K'},
    {"no-subreaper", no_argument, NULL, 'S'}, {0},
  };
  for (int option; (option = getopt_long(argc, argv, request->waits ? "b:f:" : "b:f:d", options, NULL)) != -1;) switch (option) {
    case 'b': request->bundle = optarg; break;
    case 'f': request->config = optarg; break;
    case 'c': request->console_socket = optarg; break;
    case 'q': request->pidfd_socket = optarg; break;
    case 'p': request->pid_file = optarg; break;
    case 'P': request->options.preserve = (unsigned)strtoul(optarg, NULL, 10); break;
    case 'n': request->options.no_pivot = true; break;
    case 'k': request->options.keep_keyring = true; break;
    case 'd': request->detach = true; break;
    case 'K': request->keep = true; break;
    case 'S': break; /* nobody is made a subreaper here */
    default: return false;
  }
  return optind + 1 == argc;
}

/* The configuration, read once: what is kept is what is used, whatever happens to the bundle's own file meanwhile. */
static int read_bundle(struct container *container, const char *bundle, const char *name, struct config *config, char **bytes, size_t *length, struct error *err) {
  char path[PATH_MAX];
  if (!realpath(bundle, path)) { error_errno(err, "realpath", bundle); return error_text(err, "bundle %s: %s", bundle, strerror(err->errnum)); }
  container->bundle = arena_format("%s", path);
  char *file = *name == '/' ? arena_format("%s", name) : arena_format("%s/%s", path, name);
  if (!container->bundle || !file) return error_text(err, "out of memory");
  json_t *top = json_file_keep(file, bytes, length, err);
  if (!top || config_from(top, container->bundle, config, err) < 0) return -1;
  container->version = config->version;
  container->rootfs = realpath(config->root, path) ? arena_format("%s", path) : config->root;
  struct stat stat_of;
  if (stat(config->root, &stat_of) < 0) { error_errno(err, "stat", config->root); return error_text(err, "root.path %s: %s", config->root, strerror(err->errnum)); }
  if (!S_ISDIR(stat_of.st_mode)) return error_text(err, "root.path %s is no folder", config->root);
  return 0;
}

/* Sockets that the caller was activated with (sd_listen_fds(3)) are the program's, before those of --preserve-fds. */
static int pass_sockets(struct request *request, struct process_spec *process, struct error *err) {
  const char *text = getenv("LISTEN_FDS");
  long sockets = text ? strtol(text, NULL, 10) : 0;
  size_t count = 0;
  if (sockets <= 0 || sockets > 1 << 20) return 0;
  while (process->env[count]) count++;
  char **env = arena_alloc((count + 3) * sizeof *env);
  if (!env) return error_text(err, "out of memory");
  memcpy(env, process->env, count * sizeof *env);
  env[count] = arena_format("LISTEN_FDS=%ld", sockets);
  env[count + 1] = "LISTEN_PID=1";
  env[count + 2] = NULL;
  process->env = env;
  request->options.preserve += (unsigned)sockets;
  return 0;
}

/* Where its stdio goes: our own; or a terminal, whose master goes to --console-socket, or to us (`ours`). */
static int open_stdio(const struct request *request, const struct config *config, struct init_stdio *stdio, int *ours, struct error *err) {
  int ends[2];
  *stdio = (struct init_stdio){0, 1, 2, -1, false};
  *ours = -1;
  if (!config->process.terminal) return request->console_socket ? error_text(err, "--console-socket: process.terminal is not true, so there is no terminal to send") : 0;
  if (request->console_socket) {
    stdio->console = connect_unix(request->console_socket, err);
    return stdio->console < 0 ? -1 : 0;
  }
  if (request->waits || request->detach) return error_text(err, "process.terminal: a detached container's terminal needs --console-socket");
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) return error_errno(err, "socketpair", NULL);
  *ours = ends[0];
  stdio->console = ends[1];
  stdio->foreground = true;
  return 0;
}

static int tell_pid(const struct request *request, const struct launch *launch, struct error *err) {
  if (request->pid_file && pid_file_write(request->pid_file, launch->pid, err) < 0) return -1;
  if (!request->pidfd_socket) return 0;
  fd_auto to = connect_unix(request->pidfd_socket, err);
  return to < 0 ? -1 : console_pass(to, launch->pidfd, err);
}

/* All up to the program's start, or to the wait for it. What was made stands in `container` and `launch`, whatever comes. */
static int bring_up(struct request *request, struct container *container, struct config *config, struct launch *launch, int *terminal, struct error *err) {
  struct init_stdio stdio;
  char *bytes, path[4200];
  size_t length;
  if (read_bundle(container, request->bundle, request->config, config, &bytes, &length, err) < 0) return -1;
  oci_debug("bundle %s is read", container->bundle);
  if (pass_sockets(request, &config->process, err) < 0 || oci_check_descriptors(request->options.preserve, err) < 0) return -1;
  if (!config->has_process && !request->waits) return error_text(err, "config.json: process: missing");
  if (config->has_process) oci_warn_of(&config->process, true);
  if (open_stdio(request, config, &stdio, terminal, err) < 0) return -1;
  network_ahead_begin(config);
  if (file_make(container_path(container, "config.json", path), bytes, length, err) < 0) return -1;
  container->cgroup = config->cgroups_path ? config->cgroups_path : arena_format("/%s", container->id);
  config->cgroups_path = container->cgroup;
  container->plain = config_has_mounts(config) && !config->hooks[HOOK_POSTSTOP].count;
  if (container_save(container, err) < 0) { container->cgroup = NULL; return -1; } /* whoever finds the rest of us can take it away */
  launch->cgroup = cgroup_create(container->cgroup, &config->resources, err);
  if (!launch->cgroup) { container->cgroup = NULL; return -1; }
  oci_debug("cgroup %s is made", container->cgroup);
  launch->config = config;
  launch->options = request->options;
  launch->options.listener = request->waits ? container_listen(container, "start.sock", err) : -1;
  if (request->waits && launch->options.listener < 0) return -1;
  launch->state = (struct container_state){config->version, container->id, container->bundle, config};
  int network = network_ahead_take(config), spawned = launch_spawn(launch, &stdio, err);
  if (network >= 0) close(network);
  if (spawned < 0) return -1;
  cgroup_close(launch->cgroup);
  if (launch->options.listener >= 0) close(launch->options.listener);
  if (stdio.console >= 0) close(stdio.console);
  container->pid = launch->pid;
  container->start_time = process_start_time(launch->pid);
  if (container_save(container, err) < 0) return -1;
  oci_debug("process %d is made", launch->pid);
  if (launch_await(launch, err) < 0) return -1;
  oci_debug("container %s is %s", container->id, request->waits ? "created" : "started");
  return tell_pid(request, launch, err);
}

/* What happened in `bring_up`, undone. */
static void undo(struct container *container, struct launch *launch, bool hooks) {
  struct error ignored;
  launch_undo(launch);
  file_close_others(3, NULL, 0); /* nothing of it is needed any more, and where they ran out the undoing could not be done */
  if (container->cgroup) cgroup_remove(container->cgroup, &ignored);
  if (launch->config) newroot_leave(launch->config);
  char *state = hooks ? hooks_state(&launch->state, "stopped", 0) : NULL;
  container_forget(container, &ignored);
  if (hooks) hooks_run_all(launch->config, HOOK_POSTSTOP, state, oci_warn);
}

static int create(struct request *request, const char *id, bool *ran, int *code, struct error *err) {
  static struct launch launch;
  struct container container;
  struct config config;
  int terminal = -1;
  launch.pidfd = launch.failure = launch.gate = -1;
  if (container_make(&container, oci.root, id, err) < 0) return -1;
  if (bring_up(request, &container, &config, &launch, &terminal, err) < 0) { undo(&container, &launch, launch.config != NULL); return -1; }
  if (request->waits) return 0;
  if (config.hooks[HOOK_POSTSTART].count) hooks_run_all(&config, HOOK_POSTSTART, hooks_state(&launch.state, "running", launch.pid), oci_warn);
  if (request->detach) return 0;
  *ran = true;
  *code = foreground(launch.pid, launch.pidfd, terminal, err);
  return request->keep ? 0 : oci_destroy(&container, err);
}

static int create_command(int argc, char **argv, struct request *request, const char *usage) {
  struct error err = {0};
  bool ran = false;
  int code = 0;
  if (!read_options(argc, argv, request)) return oci_usage(usage);
  if (create(request, argv[optind], &ran, &code, &err) < 0) return oci_fail(&err, ran ? code : err.exit_code ? err.exit_code : 1);
  return code;
}

int oci_create(int argc, char **argv) {
  return create_command(argc, argv, &(struct request){.bundle = ".", .config = "config.json", .waits = true, .options = {.listener = -1}},
    "create [--bundle DIR] [--config FILE] [--console-socket PATH] [--pid-file FILE] [--pidfd-socket PATH] [--preserve-fds N] [--no-pivot] [--no-new-keyring] ID");
}

int oci_run(int argc, char **argv) {
  return create_command(argc, argv, &(struct request){.bundle = ".", .config = "config.json", .options = {.listener = -1}},
    "run [--detach] [--keep] [--bundle DIR] [--config FILE] [--console-socket PATH] [--pid-file FILE] [--pidfd-socket PATH] [--preserve-fds N] [--no-pivot] [--no-new-keyring] ID");
}
