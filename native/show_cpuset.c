#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "arena.h"
#include "cgroup_places.h"
#include "file.h"
#include "inroot.h"
#include "mount_swap.h"
#include "scope.h"
#include "show_cpuset.h"

static bool is_hierarchy(int fd, const struct statx *found) {
  struct statfs fs;
  return (found->stx_attributes & STATX_ATTR_MOUNT_ROOT) && S_ISDIR(found->stx_mode) && fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP_SUPER_MAGIC;
}

/* Whether a hierarchy is mounted there, and it is another folder of it that is seen. */
static bool shows_another(int root, const char *target, const struct stat *own) {
  struct statx found;
  struct stat seen;
  fd_auto there = inroot_open(root, target, O_PATH);
  return there >= 0 && statx(there, "", AT_EMPTY_PATH, STATX_TYPE, &found) == 0 && is_hierarchy(there, &found) && fstat(there, &seen) == 0 && (seen.st_dev != own->st_dev || seen.st_ino != own->st_ino);
}

int show_cpuset(const char *path, int pid, unsigned long long start_time, struct error *err) {
  char folder[4096];
  struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};
  struct stat own;
  if (!cgroup_folder(V1_CPUSET, path, folder) || stat(folder, &own) < 0) return 0;
  fd_auto target = (int)syscall(SYS_pidfd_open, pid, 0);
  if (target < 0 || process_start_time(pid) != start_time) return 0; /* it has ended: nobody sees anything */
  fd_auto self = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
  fd_auto tree = open_tree(AT_FDCWD, folder, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (self < 0 || tree < 0) return error_errno(err, "open_tree", folder);
  if (mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0) return error_errno(err, "mount_setattr", folder);
  if (setns(target, CLONE_NEWNS) < 0) return errno == ESRCH ? 0 : error_errno(err, "setns", "the container's mount namespace");
  fd_auto root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return error_errno(err, "open", "the container's root");
  const char *place = arena_format("/sys/fs/cgroup/%s", cgroup_real_name(V1_CPUSET));
  return shows_another(root, place, &own) ? mount_swap(root, self, tree, place, is_hierarchy, "no hierarchy of cgroups", err) : 0;
}
