#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "lib_api.h"
#include "lib_thread.h"
#include "scope.h"

/* A mount namespace for pins alone. In the host's own each of them would be copied for every new mount namespace, which made each start dearer with every container that ran. */

struct pins { const char *folder; int mounts, root, cpu; };

static int run_on(int cpu) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(cpu, &only);
  return sched_setaffinity(0, sizeof only, &only);
}

static int open_root(struct pins *pins, struct error *err) {
  pins->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  return pins->root < 0 ? error_errno(err, "open", pins->folder) : 0;
}

/* Nothing of the host's mounts is left in it: they could not be unmounted for good while it holds them. */
static int make(void *argument, struct error *err) {
  struct pins *pins = argument;
  if (pins->cpu >= 0 && run_on(pins->cpu) < 0) return error_errno(err, "sched_setaffinity", NULL);
  if (unshare(CLONE_NEWNS) < 0) return error_errno(err, "unshare", "mount"); /* and the thread's root and working folder */
  if (mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0) return error_errno(err, "mount", "/");
  pins->mounts = open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC);
  if (pins->mounts < 0) return error_errno(err, "open", "/proc/thread-self/ns/mnt");
  if (mount("bayplan", pins->folder, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0711") < 0) return error_errno(err, "mount", pins->folder);
  if (chdir(pins->folder) < 0) return error_errno(err, "chdir", pins->folder);
  if (syscall(SYS_pivot_root, ".", ".") < 0) return error_errno(err, "pivot_root", pins->folder);
  if (umount2(".", MNT_DETACH) < 0) return error_errno(err, "umount2", "/");
  return open_root(pins, err);
}

static int look(void *argument, struct error *err) {
  struct pins *pins = argument;
  if (unshare(CLONE_FS) < 0 || setns(pins->mounts, CLONE_NEWNS) < 0) return error_errno(err, "setns", pins->folder);
  return open_root(pins, err);
}

/* The one that is there; false where there is none, or nothing but the file that was to be its place. */
static bool find(struct pins *pins, const char *place) {
  struct statfs info;
  fd_auto found = open(place, O_RDONLY | O_CLOEXEC);
  if (found < 0 || fstatfs(found, &info) < 0 || info.f_type != NSFS_MAGIC) return false;
  pins->mounts = fd_steal(&found);
  return true;
}

static void let_go(struct pins *pins) {
  if (pins->mounts >= 0) close(pins->mounts);
  if (pins->root >= 0) close(pins->root);
  pins->mounts = pins->root = -1;
}

static int keep(const struct pins *pins, const char *place, struct error *err) {
  char source[64];
  fd_auto file = open(place, O_RDONLY | O_CREAT | O_CLOEXEC, 0444);
  if (file < 0) return error_errno(err, "open", place);
  snprintf(source, sizeof source, "/proc/self/fd/%d", pins->mounts);
  return mount(source, place, NULL, MS_BIND, NULL) < 0 ? error_errno(err, "mount", place) : 0;
}

/*
 * The kernel binds no mount namespace that is older than the one it is bound in, by their ids, which each processor takes from a supply of its own since Linux 6.18: a new namespace can
 * look older. Not so where it is made on the processor that the other one was made on.
 */
static int make_and_keep(struct pins *pins, const char *place, struct error *err) {
  for (pins->cpu = -1; pins->cpu < get_nprocs_conf(); pins->cpu++) {
    if (run_on_thread(make, pins, err) == 0 && keep(pins, place, err) == 0) return 0;
    let_go(pins);
    if (err->errnum != EINVAL) return -1; /* so it is for a processor too that is not ours to use */
  }
  return -1;
}

int lib_pins_open(const char *folder, const char *place, int *mounts, int *root, struct error *err) {
  struct pins pins = {folder, -1, -1, -1};
  if ((find(&pins, place) ? run_on_thread(look, &pins, err) : make_and_keep(&pins, place, err)) < 0) {
    let_go(&pins);
    return -1;
  }
  *mounts = pins.mounts;
  *root = pins.root;
  return 0;
}
