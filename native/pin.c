#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arena.h"
#include "core.h"
#include "file.h"
#include "mapping.h"
#include "pin_file.h"
#include "scope.h"
#include "spawn.h"
#include "userns.h"

/* Namespaces that nobody lives in yet, kept by a mount each. One of the network is the property of the user namespace that it was made in. */

struct request {
  const char *user, *network;
  int mounts; /* the mount namespace that both paths lie in; -1: this process's */
  struct mappings mappings; /* empty: the user namespace at `user` is there */
};

static bool read_options(int argc, char **argv, struct request *request, struct error *err) {
  static const struct option options[] = {{"user", required_argument, NULL, 'u'}, {"within", required_argument, NULL, 'w'}, {"network", required_argument, NULL, 'n'}, {"uids", required_argument, NULL, 'U'}, {"gids", required_argument, NULL, 'G'}, {0}};
  struct mappings *mappings = &request->mappings;
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (option) {
    case 'u': request->user = optarg; break;
    case 'w': if ((request->mounts = open(optarg, O_RDONLY | O_CLOEXEC)) < 0) { error_errno(err, "open", optarg); return false; } break;
    case 'n': request->network = optarg; break;
    case 'U': if (mapping_parse(optarg, &mappings->uids, &mappings->uid_count, err) < 0) return false; break;
    case 'G': if (mapping_parse(optarg, &mappings->gids, &mappings->gid_count, err) < 0) return false; break;
    default: return false;
  }
  return optind == argc && request->user && !mappings->uid_count == !mappings->gid_count && (mappings->uid_count || request->network);
}

/* The namespaces' first and last process: it says that it is in them, and waits to be killed. */
static _Noreturn void inhabit(int user, int told) {
  struct error err = {0};
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (user >= 0 && setns(user, CLONE_NEWUSER) < 0) error_errno(&err, "setns", "the user namespace");
  else if (user >= 0 && unshare(CLONE_NEWNET) < 0) error_errno(&err, "unshare", "a network namespace");
  else if (write(told, "\n", 1) == 1) for (;;) pause();
  if (err.text[0]) error_write(told, &err);
  _exit(1);
}

static int await(int told, struct error *err) {
  char line[2048];
  ssize_t n;
  do n = read(told, line, sizeof line - 1); while (n < 0 && errno == EINTR);
  if (n <= 0) return error_text(err, "the process that makes the namespaces has died");
  line[n] = 0;
  return *line == '\n' ? 0 : error_read(line, err);
}

static int keep(const struct request *request, pid_t pid, struct error *err) {
  char path[64];
  bool makes = request->mappings.uid_count > 0;
  if (makes && userns_map(pid, &request->mappings, err) < 0) return -1;
  snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
  fd_auto users = open(path, O_RDONLY | O_CLOEXEC);
  if (users < 0) return error_errno(err, "open", path);
  snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
  fd_auto network = open(path, O_RDONLY | O_CLOEXEC);
  if (network < 0) return error_errno(err, "open", path);
  if (makes && pin_file(users, request->mounts, request->user, err) < 0) return -1;
  if (!request->network || pin_file(network, request->mounts, request->network, err) == 0) return 0;
  if (makes) unpin_file(request->mounts, request->user, &(struct error){0}); /* the first error is the one to tell */
  return -1;
}

static int run(const struct request *request, struct error *err) {
  bool makes = request->mappings.uid_count > 0;
  int told[2], pidfd;
  fd_auto user = makes ? -1 : open(request->user, O_RDONLY | O_CLOEXEC);
  if (!makes && user < 0) return error_errno(err, "open", request->user);
  if (pipe2(told, O_CLOEXEC) < 0) return error_errno(err, "pipe2", NULL);
  pid_t pid = spawn(makes ? CLONE_NEWUSER | (request->network ? CLONE_NEWNET : 0) : 0, -1, &pidfd);
  if (pid == 0) inhabit(user, told[1]);
  close(told[1]);
  if (pid < 0) return userns_refused(err);
  int rc = await(told[0], err) < 0 || keep(request, pid, err) < 0 ? -1 : 0;
  kill(pid, SIGKILL);
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
  return rc;
}

/* The mappings of a namespace show in a process that is in it. */
static int print_map(pid_t pid, const char *file, const char *name, struct error *err) {
  char path[64], text[16384];
  unsigned container, host, size;
  int used, count = 0;
  snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
  if (file_read_at(AT_FDCWD, path, text, sizeof text) < 0) return error_errno(err, "read", path);
  printf(",\"%s\":[", name);
  for (const char *at = text; sscanf(at, "%u %u %u%n", &container, &host, &size, &used) == 3; at += used)
    printf("%s{\"containerId\":%u,\"hostId\":%u,\"size\":%u}", count++ ? "," : "", container, host, size);
  printf("]");
  return 0;
}

static _Noreturn void visit(int user, int told) {
  struct error err = {0};
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (setns(user, CLONE_NEWUSER) < 0) { error_errno(&err, "setns", "the user namespace"); error_write(told, &err); _exit(1); }
  (void)!write(told, "\n", 1);
  for (;;) pause();
}

static int show(const char *path, struct error *err) {
  int told[2], pidfd;
  fd_auto user = open(path, O_RDONLY | O_CLOEXEC);
  if (user < 0) return error_errno(err, "open", path);
  if (pipe2(told, O_CLOEXEC) < 0) return error_errno(err, "pipe2", NULL);
  pid_t pid = spawn(0, -1, &pidfd);
  if (pid < 0) return error_errno(err, "clone3", NULL);
  if (pid == 0) visit(user, told[1]);
  close(told[1]);
  int rc = await(told[0], err);
  if (rc == 0) {
    printf("{\"version\":1");
    rc = print_map(pid, "uid_map", "uids", err) < 0 || print_map(pid, "gid_map", "gids", err) < 0 ? -1 : 0;
    printf("}\n");
  }
  kill(pid, SIGKILL);
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
  return rc;
}

int cmd_users(int argc, char **argv) {
  struct error err = {0};
  if (argc != 3 || strcmp(argv[1], "--user") != 0) error_text(&err, "usage: bayplan-core users --user PATH");
  else if (show(argv[2], &err) == 0) return 0;
  error_write(2, &err);
  return 1;
}

int cmd_pin(int argc, char **argv) {
  struct request request = {.mounts = -1};
  struct error err = {0};
  arena_open();
  if (!read_options(argc, argv, &request, &err)) {
    if (!err.text[0]) error_text(&err, "usage: bayplan-core pin --user PATH [--uids INSIDE:OUTSIDE:SIZE[,…] --gids …] [--network PATH] [--within MOUNTS]");
  } else if (run(&request, &err) == 0) return 0;
  error_write(2, &err);
  return 1;
}
