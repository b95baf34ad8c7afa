#include "spawn.h"

#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

pid_t spawn(unsigned long flags, int cgroup, int *pidfd) {
  struct clone_args args = {.flags = flags | CLONE_PIDFD | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0), .pidfd = (uint64_t)(uintptr_t)pidfd,
    .exit_signal = SIGCHLD, .cgroup = cgroup >= 0 ? (uint64_t)cgroup : 0};
  return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}
