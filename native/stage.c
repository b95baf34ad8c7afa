#include "stage.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arena.h"
#include "file.h"
#include "join.h"
#include "mounts.h"
#include "process.h"
#include "scope.h"

bool stage_is_needed(const struct config *config) {
  return config->namespaces & (CLONE_NEWUSER | CLONE_NEWTIME) || config->joins[NS_USER] || config->joins[NS_PID] || config->joins[NS_TIME]
    || mounts_need_host(config);
}

static int set_offset(char *at, size_t room, const char *clock, const struct time_offset *offset) {
  return offset->set ? snprintf(at, room, "%s %lld %lld\n", clock, (long long)offset->seconds, (long long)offset->nanoseconds) : 0;
}

static int make_time(const struct config *config, struct error *err) {
  char text[128];
  if (!(config->namespaces & CLONE_NEWTIME)) return 0;
  if (unshare(CLONE_NEWTIME) < 0) {
    if (errno == EINVAL) { error_errno(err, "unshare", "time"); return error_text(err, "this kernel has no time namespaces: drop the one in linux.namespaces"); }
    return error_errno(err, "unshare", "time");
  }
  int length = set_offset(text, sizeof text, "monotonic", &config->monotonic);
  length += set_offset(text + length, sizeof text - (size_t)length, "boottime", &config->boottime);
  return length && file_write_at(AT_FDCWD, "/proc/self/timens_offsets", text) < 0 ? error_errno(err, "write", "/proc/self/timens_offsets") : 0;
}

/* All that needs the host's privileges. */
static int prepare(struct init_context *init, struct error *err) {
  const struct config *config = init->config;
  if (join_namespaces(config, err) < 0 || make_time(config, err) < 0) return -1;
  if (join_oom(config, err) < 0 || process_raise_limits(&config->process, err) < 0) return -1;
  return mounts_prepare(init->config, err) < 0 ? -1 : join_namespace(config, NS_USER, err);
}

static _Noreturn void stage(struct init_context *init, int answer) {
  struct error err = {0};
  unsigned long flags = init->config->namespaces & ~(unsigned long)(CLONE_NEWCGROUP | CLONE_NEWTIME);
  int cgroup = cgroup_v2_fd(init->cgroup);
  init->staged = true;
  if (prepare(init, &err) == 0) {
    /* A sibling, not a child: whoever launches it waits for it. */
    struct clone_args args = {.flags = flags | CLONE_PARENT | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0), .cgroup = cgroup >= 0 ? (uint64_t)cgroup : 0};
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0) { close(answer); init_run(init); }
    if (pid > 0) { (void)!write(answer, &pid, sizeof pid); _exit(0); }
    error_errno(&err, "clone3", "the container's namespaces");
  }
  error_write(init->failure, &err);
  _exit(1);
}

pid_t stage_run(struct init_context *init, int *pidfd, struct error *err) {
  int ends[2];
  pid_t first = -1;
  if (pipe2(ends, O_CLOEXEC) < 0) return error_errno(err, "pipe2", NULL);
  pid_t pid = fork();
  if (pid < 0) { close(ends[0]); close(ends[1]); return error_errno(err, "fork", NULL); }
  if (pid == 0) { close(ends[0]); init_part(init); stage(init, ends[1]); }
  close(ends[1]);
  ssize_t n;
  do n = read(ends[0], &first, sizeof first); while (n < 0 && errno == EINTR);
  close(ends[0]);
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
  *pidfd = -1;
  if (n != sizeof first) return 0; /* it has said why on init->failure */
  *pidfd = (int)syscall(SYS_pidfd_open, first, 0);
  return *pidfd < 0 ? error_errno(err, "pidfd_open", "the container's first process") : first;
}
