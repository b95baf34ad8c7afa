#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "arena.h"
#include "cgroup.h"
#include "content.h"
#include "inroot.h"
#include "overlay.h"
#include "scope.h"

static unsigned long propagation_of(const char *name) {
  if (!name || !*name) return MS_SLAVE | MS_REC;
  unsigned long deep = name[0] == 'r' ? MS_REC : 0;
  const char *kind = name + (deep != 0);
  return deep | (strcmp(kind, "shared") == 0 ? MS_SHARED : strcmp(kind, "slave") == 0 ? MS_SLAVE : strcmp(kind, "unbindable") == 0 ? MS_UNBINDABLE : MS_PRIVATE);
}

int mounts_root(const struct config *config, struct error *err) {
  /* Nothing mounted here may reach the host, unless a bind wants exactly that. */
  if (mount(NULL, "/", NULL, propagation_of(config->root_propagation), NULL) < 0) return error_errno(err, "mount", "/");
  if (config->overlay) {
    if (overlay_mount(config->root, config->overlay, config->overlay_cwd, err) < 0) return -1;
  } else if (mount(config->root, config->root, NULL, MS_BIND | MS_REC, NULL) < 0) {
    return error_errno(err, "mount", config->root);
  }
  /* pivot_root wants neither the new root nor its parent shared. */
  if (config->root_propagation && mount(NULL, config->root, NULL, MS_PRIVATE, NULL) < 0) return error_errno(err, "mount", config->root);
  int root = open(config->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
  return root < 0 ? error_errno(err, "open", config->root) : root;
}

static int set_attributes(int tree, struct mount_attr attr, bool deep, const char *path, struct error *err) {
  if (!attr.attr_set && !attr.attr_clr && !attr.propagation) return 0;
  unsigned flags = AT_EMPTY_PATH | (deep ? AT_RECURSIVE : 0);
  return mount_setattr(tree, "", flags, &attr, sizeof attr) < 0 ? error_errno(err, "mount_setattr", path) : 0;
}

static int attach(int tree, int target, const char *path, struct error *err) {
  if (move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0) return error_errno(err, "move_mount", path);
  return 0;
}

/* The folder, and those above it that are missing. */
static int make_source(const char *path, struct error *err) {
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
  if (below < 0 && errno == ENOENT) return error_text(err, "subpath %s does not exist in the volume for %s: make it first", mount->subpath, mount->target);
  if (below < 0 && errno == EXDEV) return error_text(err, "subpath %s leads out of the volume for %s", mount->subpath, mount->target);
  if (below < 0) return error_errno(err, "openat2", mount->subpath);
  int tree = open_tree(below, "", flags | AT_EMPTY_PATH);
  return tree < 0 ? error_errno(err, "open_tree", mount->subpath) : tree;
}

static int open_source(const struct mount_spec *mount, struct error *err) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (mount->deep ? AT_RECURSIVE : 0);
  if (mount->subpath) return open_subpath(mount, flags, err);
  int tree = open_tree(AT_FDCWD, mount->source, flags);
  if (tree < 0 && errno == ENOENT && mount->create) {
    if (make_source(mount->source, err) < 0) return -1;
    tree = open_tree(AT_FDCWD, mount->source, flags);
  }
  if (tree >= 0) return tree;
  if (errno != ENOENT) return error_errno(err, "open_tree", mount->source);
  error_errno(err, "open_tree", mount->source);
  return error_text(err, "bind source %s does not exist (for %s): make it, or set bind.create_host_path", mount->source, mount->target);
}

/* A bind is finished before it is attached: it is never visible writable for a moment. */
static int bind_mount(const struct mount_spec *mount, int root, struct error *err) {
  fd_auto tree = open_source(mount, err);
  if (tree < 0) return -1;
  struct stat source;
  if (fstat(tree, &source) < 0) return error_errno(err, "fstat", mount->source);
  struct mount_attr one = {.attr_set = mount->attr_set, .attr_clr = mount->attr_clear, .propagation = mount->propagation_deep ? 0 : mount->propagation};
  struct mount_attr all = {.attr_set = mount->attr_set_deep, .propagation = mount->propagation_deep ? mount->propagation : 0};
  if (set_attributes(tree, one, false, mount->target, err) < 0 || set_attributes(tree, all, true, mount->target, err) < 0) return -1;
  fd_auto target = inroot_make(root, mount->target, !S_ISDIR(source.st_mode), S_ISDIR(source.st_mode) ? 0755 : 0644, err);
  return target < 0 ? -1 : attach(tree, target, mount->target, err);
}

/* Where the image has the folder already, a tmpfs over it keeps its mode, unless one is asked for. */
static const char *tmpfs_data(const struct mount_spec *mount, int root) {
  fd_auto there = inroot_open(root, mount->target, O_PATH);
  struct stat stat;
  if (there < 0 || fstat(there, &stat) < 0 || strstr(mount->data, "mode=")) return mount->data;
  return arena_format("mode=%04o%s%s", stat.st_mode & 07777, *mount->data ? "," : "", mount->data);
}

static int mount_on(int target, const struct mount_spec *spec, const char *type, const char *data, struct error *err) {
  char name[32];
  if (mount(spec->source, inroot_name(target, name), type, spec->flags, *data ? data : NULL) < 0) {
    int saved = errno;
    error_errno(err, "mount", spec->target);
    snprintf(err->text, sizeof err->text, "mount %s on %s%s%s: %s", type, spec->target, *data ? " with " : "", data, strerror(saved));
    return -1;
  }
  return 0;
}

/* /sys/fs/cgroup as a process in its own cgroup namespace sees it: the v2 tree, or a folder a hierarchy that the container is in. */
static int cgroup_mount(const struct mount_spec *mount, int root, const struct cgroup *cgroup, bool own, struct error *err) {
  fd_auto target = inroot_make(root, mount->target, false, 0755, err);
  if (target < 0) return -1;
  if (cgroup_pure_v2(cgroup)) return mount_on(target, mount, "cgroup2", "", err);
  struct mount_spec top = {.source = "tmpfs", .target = mount->target, .flags = MS_NOSUID | MS_NODEV | MS_NOEXEC};
  if (mount_on(target, &top, "tmpfs", "mode=755,size=16k", err) < 0) return -1;
  fd_auto tmpfs = inroot_open(root, mount->target, O_PATH);
  if (tmpfs < 0) return error_errno(err, "openat2", mount->target);
  for (const char *const *name = cgroup_names(cgroup); own && name && *name; name++) {
    struct mount_spec one = *mount;
    one.target = arena_format("%s/%s", mount->target, *name);
    one.source = "cgroup";
    /* Straight in the tmpfs, which is ours and new: nothing in it can lead elsewhere. */
    if (mkdirat(tmpfs, *name, 0755) < 0) return error_errno(err, "mkdir", one.target);
    fd_auto folder = openat(tmpfs, *name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) return error_errno(err, "open", one.target);
    bool unified = strcmp(*name, "unified") == 0;
    if (mount_on(folder, &one, unified ? "cgroup2" : "cgroup", unified ? "" : *name, err) < 0) return -1;
  }
  return mount->flags & MS_RDONLY ? set_attributes(tmpfs, (struct mount_attr){.attr_set = MOUNT_ATTR_RDONLY}, false, mount->target, err) : 0;
}

static int other_mount(const struct mount_spec *mount, int root, struct error *err) {
  const char *data = strcmp(mount->type, "tmpfs") == 0 ? tmpfs_data(mount, root) : mount->data;
  fd_auto target = inroot_make(root, mount->target, false, 0755, err);
  if (target < 0 || mount_on(target, mount, mount->type, data, err) < 0) return -1;
  if (!mount->propagation && !mount->attr_set_deep) return 0;
  fd_auto done = inroot_open(root, mount->target, O_PATH);
  if (done < 0) return error_errno(err, "openat2", mount->target);
  struct mount_attr attr = {.attr_set = mount->attr_set_deep, .propagation = mount->propagation};
  return set_attributes(done, attr, mount->propagation_deep, mount->target, err);
}

static int make_node(int root, const struct device *device, struct error *err) {
  char folder[4096];
  const char *slash = strrchr(device->path, '/');
  snprintf(folder, sizeof folder, "%.*s/", (int)(slash - device->path), device->path);
  fd_auto above = inroot_make(root, folder, false, 0755, err);
  if (above < 0) return -1;
  if (mknodat(above, slash + 1, device->mode, device->number) < 0) {
    if (errno == EEXIST) return 0; /* an image, or a bind, may bring its own */
    return error_errno(err, "mknod", device->path);
  }
  if ((device->uid || device->gid) && fchownat(above, slash + 1, device->uid, device->gid, AT_SYMLINK_NOFOLLOW) < 0) return error_errno(err, "chown", device->path);
  return 0;
}

/* The devices and links that the specification's section "Default Devices" asks for. */
static int make_dev(const struct config *config, int root, struct error *err) {
  static const struct { const char *path; unsigned major, minor; } nodes[] = {
    {"/dev/null", 1, 3}, {"/dev/zero", 1, 5}, {"/dev/full", 1, 7}, {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
  };
  static const struct { const char *name, *to; } links[] = {
    {"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
    {"core", "/proc/kcore"}, {"ptmx", "pts/ptmx"},
  };
  fd_auto dev = inroot_open(root, "/dev", O_PATH | O_DIRECTORY);
  if (dev < 0) return error_errno(err, "openat2", "/dev");
  for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
    if (mknodat(dev, nodes[i].path + 5, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)) < 0 && errno != EEXIST) return error_errno(err, "mknod", nodes[i].path);
  for (size_t i = 0; i < sizeof links / sizeof *links; i++)
    if (symlinkat(links[i].to, dev, links[i].name) < 0 && errno != EEXIST) return error_errno(err, "symlink", links[i].name);
  for (size_t i = 0; i < config->device_count; i++) if (make_node(root, &config->devices[i], err) < 0) return -1;
  return 0;
}

int mounts_apply(const struct config *config, int root, const struct cgroup *cgroup, struct error *err) {
  bool dev = false;
  for (size_t i = 0; i < config->mount_count; i++) {
    const struct mount_spec *mount = &config->mounts[i];
    if (config->progress && mount->bind) snprintf(config->progress, PROGRESS_ROOM, "bind source %s (for %s)", mount->source, mount->target);
    int failed = mount->bind ? bind_mount(mount, root, err)
      : strcmp(mount->type, "content") == 0 ? content_mount(mount, root, config->root, err)
      : strcmp(mount->type, "cgroup") == 0 ? cgroup_mount(mount, root, cgroup, config->namespaces & CLONE_NEWCGROUP, err)
      : other_mount(mount, root, err);
    if (failed < 0) return -1;
    if (strcmp(mount->target, "/dev") == 0 && !mount->bind) dev = true;
  }
  return dev ? make_dev(config, root, err) : 0;
}

/* A folder is hidden below one empty read-only tmpfs, which is made at the first one and bound for the others. */
static int mask(int root, const char *path, int *empty, struct error *err) {
  fd_auto target = inroot_open(root, path, O_PATH);
  if (target < 0) return errno == ENOENT || errno == ENOTDIR ? 0 : error_errno(err, "openat2", path);
  struct stat stat;
  if (fstat(target, &stat) < 0) return error_errno(err, "fstat", path);
  if (S_ISDIR(stat.st_mode) && *empty < 0) {
    struct mount_spec tmpfs = {.source = "tmpfs", .target = path, .flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC};
    if (mount_on(target, &tmpfs, "tmpfs", "size=0k,nr_inodes=1", err) < 0) return -1;
    *empty = inroot_open(root, path, O_PATH);
    return *empty < 0 ? error_errno(err, "openat2", path) : 0;
  }
  fd_auto null = S_ISDIR(stat.st_mode) ? -1 : inroot_open(root, "/dev/null", O_PATH | O_NOFOLLOW);
  struct stat device;
  bool own = null >= 0 && fstat(null, &device) == 0 && S_ISCHR(device.st_mode) && device.st_rdev == makedev(1, 3);
  fd_auto tree = S_ISDIR(stat.st_mode) ? open_tree(*empty, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)
    : open_tree(own ? null : AT_FDCWD, own ? "" : "/dev/null", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  return tree < 0 ? error_errno(err, "open_tree", path) : attach(tree, target, path, err);
}

static int protect(int root, const char *path, struct error *err) {
  fd_auto target = inroot_open(root, path, O_PATH);
  if (target < 0) return errno == ENOENT || errno == ENOTDIR ? 0 : error_errno(err, "openat2", path);
  fd_auto tree = open_tree(target, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  if (tree < 0) return error_errno(err, "open_tree", path);
  if (set_attributes(tree, (struct mount_attr){.attr_set = MOUNT_ATTR_RDONLY}, true, path, err) < 0) return -1;
  return attach(tree, target, path, err);
}

int mounts_hide(const struct config *config, int root, struct error *err) {
  fd_auto empty = -1;
  for (const char **path = config->masked; *path; path++) if (mask(root, *path, &empty, err) < 0) return -1;
  for (const char **path = config->readonly; *path; path++) if (protect(root, *path, err) < 0) return -1;
  return 0;
}

int mounts_console(int root, int slave, struct error *err) {
  fd_auto target = inroot_make(root, "/dev/console", true, 0600, err);
  if (target < 0) return -1;
  fd_auto tree = open_tree(slave, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  return tree < 0 ? error_errno(err, "open_tree", "/dev/console") : attach(tree, target, "/dev/console", err);
}

int mounts_pivot(const struct config *config, int root, struct error *err) {
  fd_auto old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (old < 0) return error_errno(err, "open", "/");
  if (fchdir(root) < 0) return error_errno(err, "fchdir", config->root);
  if (syscall(SYS_pivot_root, ".", ".") < 0) return error_errno(err, "pivot_root", config->root);
  /* The old root now lies over the new one. Taking it away must not travel to the host. */
  if (fchdir(old) < 0) return error_errno(err, "fchdir", "/");
  if (mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0) return error_errno(err, "mount", "old root");
  if (umount2(".", MNT_DETACH) < 0) return error_errno(err, "umount2", "old root");
  if (chdir("/") < 0) return error_errno(err, "chdir", "/");
  if (config->root_readonly) {
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    if (mount_setattr(AT_FDCWD, "/", 0, &attr, sizeof attr) < 0) return error_errno(err, "mount_setattr", "/");
  }
  if (config->root_propagation && mount(NULL, "/", NULL, propagation_of(config->root_propagation), NULL) < 0) return error_errno(err, "mount", "/");
  return 0;
}
