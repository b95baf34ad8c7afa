#include "joined.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console.h"
#include "file.h"
#include "keyring.h"
#include "namespaces.h"
#include "notify.h"
#include "process.h"
#include "schedule.h"
#include "scope.h"
#include "spawn.h"
#include "userns.h"

/* setns(2) refuses nothing more than needed where it is asked for no more than that. */
static int others_namespaces(int pid, unsigned long *flags, struct error *err) {
  *flags = 0;
  for (int kind = 0; kind < NAMESPACE_KINDS; kind++) {
    char path[64], theirs[64] = "", own[64] = "";
    const char *file = kind == NS_PID ? "pid_for_children" : namespaces[kind].file;
    snprintf(path, sizeof path, "/proc/self/ns/%s", file);
    if (readlink(path, own, sizeof own - 1) < 0) continue; /* a kind that this kernel does not have */
    snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, file);
    if (readlink(path, theirs, sizeof theirs - 1) < 0) return errno == ENOENT || errno == ESRCH ? error_text(err, "the container has ended") : error_errno(err, "readlink", path);
    if (strcmp(theirs, own) != 0) *flags |= namespaces[kind].flag;
  }
  return 0;
}

/* Whom the root of the process's user namespace is outside. */
static bool outside_root(int pid, const char *map, uint32_t *id) {
  char path[64], text[4096];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, map);
  if (file_read_at(AT_FDCWD, path, text, sizeof text) < 0) return false;
  unsigned inside, outside, count;
  for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
    if (sscanf(line, "%u %u %u", &inside, &outside, &count) != 3 || inside > 0) continue;
    *id = outside;
    return true;
  }
  return false;
}

/* With users of its own its root owns the pipes that it is given: programs open them anew as /dev/stdout. Nobody inside could take them from users that it does not know. */
static int give_pipes(int pid, struct error *err) {
  uint32_t uid, gid;
  if (!outside_root(pid, "uid_map", &uid) || !outside_root(pid, "gid_map", &gid)) return 0;
  struct stat stat;
  for (int fd = 0; fd < 3; fd++) if (fstat(fd, &stat) == 0 && S_ISFIFO(stat.st_mode) && fchown(fd, uid, gid) < 0) return error_errno(err, "fchown", "the command's stdio");
  return 0;
}

static int take_terminal(const struct process_spec *process, const struct init_stdio *stdio, struct error *err) {
  fd_auto root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  fd_auto slave = -1;
  if (root < 0) return error_errno(err, "open", "/");
  fd_auto master = console_open(root, &slave, err);
  if (master < 0 || console_adopt(slave, err) < 0) return -1;
  if (process->columns && console_resize(master, process->columns, process->rows, err) < 0) return -1;
  if (stdio->foreground && console_keep_newlines(slave, err) < 0) return -1;
  return console_pass(stdio->console, master, err);
}

static int become(const struct joined *joined, struct error *err) {
  struct prepared prepared;
  if (process_begin(joined->process, joined->preserve, &prepared, err) < 0) return -1;
  const struct notify *notify = joined->process->notify;
  const int kept[] = {joined->failure, joined->target, joined->stdio.console, prepared.attributes, joined->started, notify ? notify->socket : -1, notify ? notify->proc : -1};
  if (joined->process->first_cpus && schedule_cpus(joined->process->first_cpus, err) < 0) return -1;
  if (cgroup_join(joined->cgroup, err) < 0 || schedule_cpus(joined->process->cpus, err) < 0) return -1;
  if (joined->stdio.input >= 0 && (dup2(joined->stdio.input, 0) < 0 || dup2(joined->stdio.output, 1) < 0 || dup2(joined->stdio.errors, 2) < 0)) return error_errno(err, "dup2", NULL);
  file_close_others(3 + joined->preserve, kept, sizeof kept / sizeof *kept);
  unsigned long flags = joined->flags & ~(unsigned long)CLONE_NEWPID;
  if (flags & CLONE_NEWUSER && (process_raise_limits(joined->process, err) < 0 || give_pipes(joined->pid, err) < 0)) return -1;
  if (flags && setns(joined->target, (int)flags) < 0) return error_errno(err, "setns", "the container");
  close(joined->target);
  if (flags & CLONE_NEWUSER && userns_become_root(err) < 0) return -1;
  if (keyring_leave(err) < 0) return -1;
  if (joined->process->has_personality && personality(joined->process->personality) < 0) return error_errno(err, "personality", NULL);
  if (joined->process->terminal && take_terminal(joined->process, &joined->stdio, err) < 0) return -1;
  process_become(joined->process, joined->filter, &prepared, joined->says_start ? joined->failure : joined->started, err);
  return -1;
}

pid_t joined_spawn(struct joined *joined, int *pidfd, struct error *err) {
  if (others_namespaces(joined->pid, &joined->flags, err) < 0) return -1;
  /* The child is seen in the container from its first moment, with descriptors of the host's and later the container's own user: until its
     execve nobody there may look into its /proc (CVE-2024-21626). */
  prctl(PR_SET_DUMPABLE, 0);
  /* The pid namespace is for children: this process itself stays the host's, and outside the container's cgroup. */
  if (joined->flags & CLONE_NEWPID && setns(joined->target, CLONE_NEWPID) < 0) return error_errno(err, "setns", "the container's pid namespace");
  pid_t pid = spawn(0, cgroup_v2_fd(joined->cgroup), pidfd);
  if (pid < 0) return error_errno(err, "clone3", "the container");
  if (pid > 0) return pid;
  struct error failed = {0};
  setsid();
  become(joined, &failed);
  error_write(joined->failure, &failed);
  if (joined->started >= 0) (void)!write(joined->started, "!", 1);
  _exit(failed.exit_code ? failed.exit_code : 125);
}
