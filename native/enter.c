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
#include "attend.h"
#include "cgroup.h"
#include "config.h"
#include "console.h"
#include "core.h"
#include "file.h"
#include "joined.h"
#include "relay.h"
#include "scope.h"
#include "seccomp.h"
#include "self.h"

struct request {
  int pid;
  unsigned long long start_time;
  const char *process, *cgroup, *seccomp;
  int control; /* requests for the terminal; -1: none */
  int started; /* is told of the program's start; -1: nobody */
  int engine;  /* of attend(); -1: none */
};

static bool read_options(int argc, char **argv, struct request *request) {
  static const struct option options[] = {
    {"pid", required_argument, NULL, 'p'}, {"start-time", required_argument, NULL, 't'}, {"process", required_argument, NULL, 'f'},
    {"cgroup", required_argument, NULL, 'c'}, {"seccomp", required_argument, NULL, 's'}, {"control-fd", required_argument, NULL, 'n'}, {"started-fd", required_argument, NULL, 'r'}, {"engine-fd", required_argument, NULL, 'e'}, {0},
  };
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (option) {
    case 'p': request->pid = atoi(optarg); break;
    case 't': request->start_time = strtoull(optarg, NULL, 10); break;
    case 'f': request->process = optarg; break;
    case 'c': request->cgroup = optarg; break;
    case 's': request->seccomp = optarg; break;
    case 'n': request->control = atoi(optarg); break;
    case 'r': request->started = atoi(optarg); break;
    case 'e': request->engine = atoi(optarg); break;
    default: return false;
  }
  return optind == argc && request->pid > 0 && request->process;
}

/* What the child said about its failure: who reads it here is a person. */
static void tell(int failure) {
  char text[8192];
  ssize_t n = read(failure, text, sizeof text - 1);
  if (n <= 0) return;
  text[n] = 0;
  json_t *object = json_loads(text, 0, NULL);
  const char *message = json_string_value(json_object_get(object, "error"));
  if (message) dprintf(2, "%s\n", message);
  else file_write_all(2, text, (size_t)n);
}

static int run(const struct request *request, struct error *err) {
  struct process_spec process;
  struct sock_fprog filter = {0};
  struct cgroup *cgroup = NULL;
  int failure[2], console[2] = {-1, -1}, pidfd;
  struct relay relay = RELAY_NONE;
  fd_auto target = (int)syscall(SYS_pidfd_open, request->pid, 0);
  if (target < 0) return error_errno(err, "pidfd_open", "the container's process");
  if (request->start_time && process_start_time(request->pid) != request->start_time) return error_text(err, "process %d is not the container's any more", request->pid);
  if (config_read_process(request->process, &process, err) < 0) return -1;
  if (request->seccomp && seccomp_read(request->seccomp, &filter, err) < 0) return -1;
  if (request->cgroup && !(cgroup = cgroup_open(request->cgroup, err))) return -1;
  if (pipe2(failure, O_CLOEXEC) < 0) return error_errno(err, "pipe2", NULL);
  if (process.terminal && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, console) < 0) return error_errno(err, "socketpair", NULL);
  fd_auto signals = attend_signals(err);
  if (signals < 0) return -1;
  struct joined joined = {.pid = request->pid, .target = target, .process = &process, .cgroup = cgroup, .filter = filter.len ? &filter : NULL,
    .stdio = {-1, -1, -1, console[1], false}, .failure = failure[1], .started = request->started};
  pid_t pid = joined_spawn(&joined, &pidfd, err);
  if (pid < 0) return -1;
  close(failure[1]);
  if (request->started >= 0) close(request->started);
  if (process.terminal) {
    struct error unsaid; /* one that had no terminal has said why, and ends */
    close(console[1]);
    relay_open(&relay, console_receive(console[0], &unsaid), request->control);
  }
  int code = attend(pid, pidfd, signals, request->engine, &relay);
  tell(failure[0]);
  return code;
}

int cmd_enter(int argc, char **argv) {
  struct request request = {.control = -1, .started = -1, .engine = -1};
  struct error err = {0};
  self_protect(argv - 1);
  if (!read_options(argc, argv, &request)) {
    fprintf(stderr, "usage: bayplan-core enter --pid PID --start-time T --process FILE [--cgroup PATH] [--seccomp FILE] [--control-fd N] [--started-fd N] [--engine-fd N]\n");
    return 2;
  }
  arena_open();
  int code = run(&request, &err);
  if (code < 0) {
    dprintf(2, "%s\n", err.text);
    code = 1;
  }
  attend_tell(request.engine, code);
  return code;
}
