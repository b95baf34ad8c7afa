#include "network_ahead.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "arena.h"
#include "raw_call.h"

/* The C library knows nothing of this thread, so that the container's process is forked from one that has no other: it has the caller's errno and calls the kernel alone. */
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)

static struct {
  bool begun;
  int claimed; /* by whoever makes the namespace, the thread or the container's process */
  int tid;     /* the kernel's: 0 when it has ended */
  int made;    /* descriptor; negative: none */
  _Alignas(16) char stack[16384];
} ahead = {.made = -1};

static int make(void *unused) {
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  (void)unused;
  if (__atomic_exchange_n(&ahead.claimed, 1, __ATOMIC_ACQ_REL) || raw_call(SYS_unshare, CLONE_NEWNET, NULL, 0, 0, 0) < 0) return 0;
  long any = raw_call(SYS_socket, AF_INET, (void *)(SOCK_DGRAM | SOCK_CLOEXEC), 0, 0, 0);
  if (any < 0) return 0;
  if (raw_call(SYS_ioctl, any, (void *)SIOCSIFFLAGS, (long)&request, 0, 0) == 0) ahead.made = (int)raw_call(SYS_openat, AT_FDCWD, "/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC, 0, 0);
  raw_call(SYS_close, any, NULL, 0, 0, 0);
  return 0;
}

void network_ahead_begin(const struct config *config) {
  if (!(config->namespaces & CLONE_NEWNET) || config_has_users(config)) return; /* its owner would be another */
  ahead.begun = clone(make, ahead.stack + sizeof ahead.stack, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID,
    NULL, &ahead.tid, NULL, &ahead.tid) > 0;
}

int network_ahead_take(struct config *config) {
  if (!ahead.begun || !__atomic_exchange_n(&ahead.claimed, 1, __ATOMIC_ACQ_REL)) return -1; /* it has not come to it yet: nobody waits for a processor */
  for (int tid; (tid = __atomic_load_n(&ahead.tid, __ATOMIC_ACQUIRE)) != 0;) raw_call(SYS_futex, (long)&ahead.tid, (void *)FUTEX_WAIT, tid, 0, 0);
  char *path = ahead.made < 0 ? NULL : arena_format("/proc/self/fd/%d", ahead.made);
  if (!path) return -1;
  config->joins[NS_NETWORK] = path;
  config->namespaces &= ~(unsigned long)CLONE_NEWNET;
  return ahead.made;
}

#else

void network_ahead_begin(const struct config *config) { (void)config; }
int network_ahead_take(struct config *config) { (void)config; return -1; }

#endif
