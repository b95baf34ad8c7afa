#include "bind.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "inroot.h"
#include "mount_tree.h"
#include "over_proc.h"
#include "scope.h"
#include "userns.h"

int bind_make_source(const char *path, struct error *err) {
  char part[4096];
  if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part) return error_text(err, "path too long: %s", path);
  for (char *end = part + 1; end; ) {
    end = strchr(end, '/');
    if (end) *end = 0;
    if (mkdir(part, 0755) < 0 && errno != EEXIST) return error_errno(err, "mkdir", part);
    if (end) *end++ = '/';
  }
  return 0;
}

/* Whatever a container has put into the volume, nothing that leads out of it is followed. */
static int open_subpath(const struct mount_spec *mount, unsigned flags, struct error *err) {
  fd_auto volume = open(mount->source, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (volume < 0) return error_errno(err, "open", mount->source);
  fd_auto below = inroot_open_beneath(volume, mount->subpath, O_PATH);
  if (below < 0 && errno == ENOENT) return error_text(err, "subpath %s does not exist in what is mounted on %s: make it first", mount->subpath, mount->target);
  if (below < 0 && errno == EXDEV) return error_text(err, "subpath %s leads out of what is mounted on %s", mount->subpath, mount->target);
  if (below < 0) return error_errno(err, "openat2", mount->subpath);
  int tree = open_tree(below, "", flags | AT_EMPTY_PATH);
  return tree < 0 ? error_errno(err, "open_tree", mount->subpath) : tree;
}

/* What another process sees at that path: a mount can be copied from within its own mount namespace alone. */
static int open_elsewhere(const struct mount_spec *mount, unsigned flags, struct error *err) {
  char path[64];
  fd_auto here = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  snprintf(path, sizeof path, "/proc/%d/ns/mnt", mount->of);
  fd_auto there = open(path, O_RDONLY | O_CLOEXEC);
  if (here < 0 || there < 0) return error_errno(err, "open", path);
  if (setns(there, CLONE_NEWNS) < 0) return error_errno(err, "setns", path);
  int tree = open_tree(AT_FDCWD, mount->source, flags), failed = errno;
  if (setns(here, CLONE_NEWNS) < 0) return error_errno(err, "setns", "/proc/self/ns/mnt");
  errno = failed;
  return tree < 0 ? error_errno(err, "open_tree", mount->source) : tree;
}

static int open_source(const struct mount_spec *mount, struct error *err) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (mount->deep ? AT_RECURSIVE : 0);
  if (mount->of) return open_elsewhere(mount, flags, err);
  if (mount->subpath) return open_subpath(mount, flags, err);
  int tree = open_tree(AT_FDCWD, mount->source, flags);
  if (tree < 0 && errno == ENOENT && mount->create) {
    if (bind_make_source(mount->source, err) < 0) return -1;
    tree = open_tree(AT_FDCWD, mount->source, flags);
  }
  if (tree >= 0) return tree;
  if (errno == ENOTDIR) return error_text(err, "bind source %s (for %s) lies below a file, so that nothing can be there: correct the path", mount->source, mount->target);
  if (errno != ENOENT) return error_errno(err, "open_tree", mount->source);
  error_errno(err, "open_tree", mount->source);
  return error_text(err, "bind source %s does not exist (for %s): make it, or set bind.create_host_path", mount->source, mount->target);
}

/* What is there belongs to no user: the kernel makes it up, or it is a device. */
static bool is_nobodys(int tree) {
  static const long kinds[] = {PROC_SUPER_MAGIC, SYSFS_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC, SECURITYFS_MAGIC, BPF_FS_MAGIC, DEVPTS_SUPER_MAGIC, NSFS_MAGIC};
  struct statfs file_system;
  struct stat stat;
  if (fstat(tree, &stat) == 0 && (S_ISCHR(stat.st_mode) || S_ISBLK(stat.st_mode))) return true;
  if (fstatfs(tree, &file_system) < 0) return false;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) if (file_system.f_type == kinds[i]) return true;
  return false;
}

static int idmap(int tree, const struct config *config, const struct mount_spec *mount, struct error *err) {
  if (mount->as_users && is_nobodys(tree)) return 0;
  fd_auto users = userns_of(config, mount->mappings.uid_count ? &mount->mappings : &config->mappings, err);
  if (users < 0) return -1;
  struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)users};
  if (mount_setattr(tree, "", AT_EMPTY_PATH | (mount->idmap_deep ? AT_RECURSIVE : 0), &attr, sizeof attr) == 0) return 0;
  error_errno(err, "mount_setattr", mount->source);
  if (err->errnum == ENOSYS) snprintf(err->text, sizeof err->text, "%.300s cannot be idmapped: this kernel has no idmapped mounts (Linux 5.12)", mount->source);
  if (err->errnum == EINVAL) snprintf(err->text, sizeof err->text, "%.300s cannot be idmapped: its file system, or one mounted below it, has no support for that, or this kernel", mount->source);
  if (mount->as_users && (err->errnum == EINVAL || err->errnum == ENOSYS))
    snprintf(err->text + strlen(err->text), sizeof err->text - strlen(err->text), " (for %.200s); run it with the host's users (userns_mode: host)", mount->target);
  return -1;
}

/* The bound tree with all that was asked of it, not attached yet: it is never visible writable for a moment. */
int bind_tree(const struct config *config, const struct mount_spec *mount, struct error *err) {
  fd_auto tree = open_source(mount, err);
  if (tree < 0) return -1;
  if (mount->idmap && idmap(tree, config, mount, err) < 0) return -1;
  struct mount_attr one = {.attr_set = mount->attr_set, .attr_clr = mount->attr_clear, .propagation = mount->propagation_deep ? 0 : mount->propagation};
  struct mount_attr all = {.attr_set = mount->attr_set_deep, .attr_clr = mount->attr_clear_deep, .propagation = mount->propagation_deep ? mount->propagation : 0};
  if (tree_attributes(tree, one, false, mount->target, err) < 0 || tree_attributes(tree, all, true, mount->target, err) < 0) return -1;
  return fd_steal(&tree);
}

int bind_mount(const struct config *config, const struct mount_spec *mount, int root, struct error *err) {
  fd_auto tree = mount->tree >= 0 ? fcntl(mount->tree, F_DUPFD_CLOEXEC, 3) : bind_tree(config, mount, err);
  if (tree < 0) return mount->tree >= 0 ? error_errno(err, "fcntl", mount->target) : -1;
  struct stat source;
  if (fstat(tree, &source) < 0) return error_errno(err, "fstat", mount->source);
  fd_auto target = inroot_make(root, mount->target, !S_ISDIR(source.st_mode), S_ISDIR(source.st_mode) ? 0755 : 0644, err);
  return target < 0 || over_proc_allowed(mount, tree, root, target, err) < 0 ? -1 : tree_attach(tree, target, mount->target, err);
}
