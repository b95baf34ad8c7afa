#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arena.h"
#include "caps.h"
#include "cgroup.h"
#include "connect.h"
#include "console.h"
#include "file.h"
#include "foreground.h"
#include "joined.h"
#include "launch.h"
#include "notify.h"
#include "oci.h"
#include "pid_file.h"
#include "scope.h"
#include "seccomp.h"

#define FAILED 255 /* as runc's exec; what could not be run is 126 or 127 */
#define MANY 256

static const char usage[] = "exec [--detach] [--tty] [--user UID[:GID]] [--additional-gids GID …] [--cwd DIR] [--env NAME=VALUE …] [--cap CAP …] [--no-new-privs] [--apparmor PROFILE] "
  "[--process FILE] [--pid-file FILE] [--console-socket PATH] [--pidfd-socket PATH] [--preserve-fds N] [--cgroup PATH] [--ignore-paused] ID COMMAND …";

struct request {
  const char *process, *pid_file, *console_socket, *pidfd_socket, *user, *cwd, *apparmor, *cgroup;
  const char *env[MANY], *caps[MANY], *gids[MANY];
  size_t env_count, cap_count, gid_count;
  bool detach, tty, no_new_privs, ignore_paused;
  unsigned preserve;
};

static bool keep(const char **list, size_t *count, const char *value) {
  if (*count == MANY) return false;
  list[(*count)++] = value;
  return true;
}

static bool read_options(int argc, char **argv, struct request *request) {
  static const struct option options[] = {
    {"console-socket", required_argument, NULL, 'C'}, {"pidfd-socket", required_argument, NULL, 'q'}, {"cwd", required_argument, NULL, 'w'}, {"env", required_argument, NULL, 'e'},
    {"tty", no_argument, NULL, 't'}, {"user", required_argument, NULL, 'u'}, {"additional-gids", required_argument, NULL, 'g'}, {"process", required_argument, NULL, 'p'},
    {"detach", no_argument, NULL, 'd'}, {"pid-file", required_argument, NULL, 'P'}, {"process-label", required_argument, NULL, 'l'}, {"apparmor", required_argument, NULL, 'a'},
    {"no-new-privs", no_argument, NULL, 'n'}, {"cap", required_argument, NULL, 'c'}, {"preserve-fds", required_argument, NULL, 'k'}, {"cgroup", required_argument, NULL, 'G'},
    {"ignore-paused", no_argument, NULL, 'i'}, {0},
  };
  bool room = true;
  for (int option; (option = getopt_long(argc, argv, "+e:tu:g:p:dc:", options, NULL)) != -1;) switch (option) {
    case 'C': request->console_socket = optarg; break;
    case 'q': request->pidfd_socket = optarg; break;
    case 'w': request->cwd = optarg; break;
    case 'e': room &= keep(request->env, &request->env_count, optarg); break;
    case 't': request->tty = true; break;
    case 'u': request->user = optarg; break;
    case 'g': room &= keep(request->gids, &request->gid_count, optarg); break;
    case 'p': request->process = optarg; break;
    case 'd': request->detach = true; break;
    case 'P': request->pid_file = optarg; break;
    case 'a': request->apparmor = optarg; break;
    case 'n': request->no_new_privs = true; break;
    case 'c': room &= keep(request->caps, &request->cap_count, optarg); break;
    case 'k': request->preserve = (unsigned)strtoul(optarg, NULL, 10); break;
    case 'G': request->cgroup = optarg; break;
    case 'i': request->ignore_paused = true; break;
    default: return false; /* --process-label too: SELinux is not supported */
  }
  return room && optind < argc;
}

static int number_of(const char *text, const char *what, unsigned *out, struct error *err) {
  char *end;
  unsigned long value = strtoul(text, &end, 10);
  if (!*text || *end || value > UINT32_MAX) return error_text(err, "%s: \"%s\" is no number", what, text);
  *out = (unsigned)value;
  return 0;
}

/* `UID[:GID]`. */
static int take_user(const char *text, struct process_spec *process, struct error *err) {
  char *uid = arena_format("%s", text), *gid = uid ? strchr(uid, ':') : NULL;
  if (gid) *gid++ = 0;
  process->user = process->groups = NULL;
  process->gid = 0;
  if (!uid || number_of(uid, "--user", &process->uid, err) < 0) return -1;
  return gid ? number_of(gid, "--user", &process->gid, err) : 0;
}

/* Ambient as far as the container's configuration makes them inheritable. */
static int take_caps(const struct request *request, struct process_spec *process, struct error *err) {
  for (size_t i = 0; i < request->cap_count; i++) {
    int number = caps_number(request->caps[i]);
    if (number < 0) return error_text(err, "--cap %s: there is no such capability", request->caps[i]);
    for (int set = 0; set < CAP_SETS; set++) if (set != CAP_SET_INHERITABLE) process->caps[set] |= 1ull << number;
    process->has_caps = true;
  }
  return 0;
}

/* One name has one value: the later one. */
static void set_env(char **env, size_t *count, char *entry) {
  size_t length = strcspn(entry, "=") + 1;
  for (size_t i = 0; i < *count; i++) if (strncmp(env[i], entry, length) == 0) { env[i] = entry; return; }
  env[(*count)++] = entry;
}

/* The container's own process with what the options say otherwise. */
static int process_of(const struct request *request, char **arguments, const struct config *config, struct process_spec *process, struct error *err) {
  size_t count = 0;
  if (request->process) {
    if (config_read_process(request->process, process, err) < 0) return -1;
    process->terminal |= request->tty;
    process->filter_flags = config->process.filter_flags;
    process->memory = config->process.memory;
    process->has_personality = config->has_personality;
    process->personality = config->personality;
    return 0;
  }
  *process = config->process;
  process->has_personality = config->has_personality;
  process->personality = config->personality;
  process->args = arguments;
  process->terminal = request->tty;
  process->columns = process->rows = 0;
  process->init = false;
  while (process->env[count]) count++;
  char **env = arena_alloc((count + request->env_count + 1) * sizeof *env);
  gid_t *gids = arena_alloc((process->gid_count + request->gid_count + 1) * sizeof *gids);
  if (!env || !gids) return error_text(err, "out of memory");
  memcpy(env, process->env, count * sizeof *env);
  for (size_t i = 0; i < request->env_count; i++) set_env(env, &count, (char *)request->env[i]);
  env[count] = NULL;
  process->env = env;
  memcpy(gids, process->gids, process->gid_count * sizeof *gids);
  process->gids = gids;
  for (size_t i = 0; i < request->gid_count; i++) if (number_of(request->gids[i], "--additional-gids", &gids[process->gid_count++], err) < 0) return -1;
  if (request->cwd) process->cwd = request->cwd;
  if (request->apparmor) process->apparmor = request->apparmor;
  if (request->no_new_privs) process->no_new_privs = true;
  if (request->user && take_user(request->user, process, err) < 0) return -1;
  return take_caps(request, process, err);
}

static int check_status(const struct container *container, bool ignore_paused, struct error *err) {
  enum container_status status = container_status(container);
  if (status == CONTAINER_STOPPED) return error_text(err, "cannot exec in a stopped container (%s)", container->id);
  if (status == CONTAINER_PAUSED && !ignore_paused) return error_text(err, "cannot exec in a paused container (%s): resume it first, or use --ignore-paused", container->id);
  return status == CONTAINER_CREATING ? error_text(err, "cannot exec in container %s: it is still being created", container->id) : 0;
}

/* `--cgroup PATH`, below the container's own; `CONTROLLER:PATH` of v1 alone is not supported. */
static int open_cgroup(const struct request *request, const struct container *container, struct cgroup **cgroup, struct error *err) {
  const char *below = request->cgroup;
  if (below && (strchr(below, ':') || strstr(below, ".."))) return error_text(err, "--cgroup %s: a path below the container's own cgroup is wanted", below);
  if (below && !container->cgroup) return error_text(err, "--cgroup %s: container %s has no cgroup of its own", below, container->id);
  if (container->cgroup && !(*cgroup = cgroup_open(container->cgroup, err))) return -1;
  if (!below) return 0;
  struct cgroup *whole = *cgroup;
  if (!(*cgroup = cgroup_open(arena_format("%s/%s", container->cgroup, below[0] == '/' ? below + 1 : below), err))) return -1;
  /* Where it is not there, the process would stay in ours, and the container's limits would not hold it. */
  const char *lacks = cgroup_lacks(*cgroup, whole);
  return lacks ? error_text(err, "--cgroup %s: the container has no such cgroup (%s): make it first", below, lacks) : 0;
}

static int tell_pid(const struct request *request, pid_t pid, int pidfd, struct error *err) {
  if (request->pid_file && pid_file_write(request->pid_file, pid, err) < 0) return -1;
  if (!request->pidfd_socket) return 0;
  fd_auto to = connect_unix(request->pidfd_socket, err);
  return to < 0 ? -1 : console_pass(to, pidfd, err);
}

static int run(const struct request *request, struct container *container, char **arguments, int *code, struct error *err) {
  static char relayed[8192];
  struct config config;
  struct process_spec process;
  struct sock_fprog filter;
  int failure[2], console[2] = {-1, -1}, pidfd;
  if (check_status(container, request->ignore_paused, err) < 0 || container_config(container, &config, err) < 0) return -1;
  if (process_of(request, arguments, &config, &process, err) < 0 || seccomp_find(&config, &filter, err) < 0) return -1;
  if (request->console_socket && !process.terminal) return error_text(err, "--console-socket needs --tty or a process with a terminal");
  if (process.terminal && request->detach && !request->console_socket) return error_text(err, "a detached terminal needs --console-socket");
  oci_warn_of(&process, false);
  fd_auto target = (int)syscall(SYS_pidfd_open, container->pid, 0);
  if (target < 0 || process_start_time(container->pid) != container->start_time) return error_text(err, "cannot exec in a stopped container (%s)", container->id);
  struct cgroup *cgroup = NULL;
  if (open_cgroup(request, container, &cgroup, err) < 0) return -1;
  if (pipe2(failure, O_CLOEXEC) < 0) return error_errno(err, "pipe2", NULL);
  if (process.terminal && !request->console_socket && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, console) < 0) return error_errno(err, "socketpair", NULL);
  if (request->console_socket && (console[1] = connect_unix(request->console_socket, err)) < 0) return -1;
  struct joined joined = {.pid = container->pid, .target = target, .process = &process, .cgroup = cgroup, .filter = filter.len ? &filter : NULL,
    .stdio = {-1, -1, -1, console[1], console[0] >= 0}, .preserve = request->preserve, .failure = failure[1], .says_start = true, .started = -1};
  struct container_state state = {config.version, container->id, container->bundle, &config};
  if (notify_open(&config, &process, &state, "running", container->pid, err) < 0) return -1;
  pid_t pid = joined_spawn(&joined, &pidfd, err);
  notify_close(&process);
  if (pid < 0) return -1;
  oci_debug("process %d joins container %s", pid, container->id);
  close(failure[1]);
  if (console[1] >= 0) close(console[1]);
  if (launch_read(failure[0], pidfd, 0, NULL, relayed, sizeof relayed, err) < 0) return -1;
  if (tell_pid(request, pid, pidfd, err) < 0) { /* nobody could find it */
    syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    return -1;
  }
  *code = request->detach ? 0 : foreground(pid, pidfd, console[0], err);
  return 0;
}

int oci_exec(int argc, char **argv) {
  struct request request = {.process = NULL};
  struct container container;
  struct error err = {0};
  int code = 0;
  if (!read_options(argc, argv, &request)) return oci_usage(usage);
  if (!request.process && optind + 1 == argc) {
    error_text(&err, "exec %s: no command given", argv[optind]);
    return oci_fail(&err, FAILED);
  }
  if (oci_check_descriptors(request.preserve, &err) < 0) return oci_fail(&err, FAILED);
  if (container_load(&container, oci.root, argv[optind], &err) < 0) return oci_fail(&err, FAILED);
  if (run(&request, &container, argv + optind + 1, &code, &err) < 0) return oci_fail(&err, err.exit_code ? err.exit_code : FAILED);
  return code;
}
