#include "lib_proc.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Making one costs as much as a few dozen names that are passed by. */
#define USES 32

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int current = -1;
static unsigned uses;

/* A proc of its own, attached nowhere; -1 where this may not be (or cannot, before Linux 5.2). */
static int make(void) {
  int context = (int)syscall(SYS_fsopen, "proc", FSOPEN_CLOEXEC);
  if (context < 0) return -1;
  int mount = syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ? -1 : (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  close(context);
  return mount;
}

int proc_root(struct error *err) {
  pthread_mutex_lock(&lock);
  if (uses++ % USES == 0) {
    if (current >= 0) close(current);
    current = make();
  }
  int fd = current < 0 ? open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC) : fcntl(current, F_DUPFD_CLOEXEC, 0);
  pthread_mutex_unlock(&lock);
  return fd < 0 ? error_errno(err, "open", "/proc") : fd;
}
