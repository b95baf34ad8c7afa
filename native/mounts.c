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
#include "copy_tree.h"
#include "inroot.h"
#include "overlay.h"
#include "scope.h"
#include "userns.h"

static unsigned long propagation_of(const char *name) {
  if (!name || !*name) return MS_SLAVE | MS_REC;
  unsigned long deep = name[0] == 'r' ? MS_REC : 0;
  const char *kind = name + (deep != 0);
  return deep | (strcmp(kind, "shared") == 0 ? MS_SHARED : strcmp(kind, "slave") == 0 ? MS_SLAVE : strcmp(kind, "unbindable") == 0 ? MS_UNBINDABLE : MS_PRIVATE);
}

/* pivot_root(2) wants the mount that the root's folder lies on not to be shared, and what is mounted below must not travel with it. */
static int unshare_above(const char *path, struct error *err) {
  char at[4096];
  if (snprintf(at, sizeof at, "%s", path) >= (int)sizeof at) return error_text(err, "path too long: %s", path);
  for (;;) {
    if (mount(NULL, at, NULL, MS_PRIVATE, NULL) == 0) return 0;
    char *slash = strrchr(at, '/');
    if (errno != EINVAL || !slash || !at[1]) return error_errno(err, "mount", at); /* EINVAL: nothing is mounted just there */
    slash[slash == at] = 0;
  }
}

/* What holds for all mounts while the container is made: the root's own propagation comes last. */
static unsigned long first_propagation(const struct config *config) {
  unsigned long flags = propagation_of(config->root_propagation);
  return flags & MS_UNBINDABLE ? MS_PRIVATE | MS_REC : flags;
}

/* A root that was made ready before: over the old one, where nobody's way to it leads through folders closed to this user. */
static int attach_root(int tree, struct error *err) {
  struct mount_attr slave = {.propagation = MS_SLAVE};
  if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &slave, sizeof slave) < 0) return error_errno(err, "mount_setattr", "the root");
  if (move_mount(tree, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0) return error_errno(err, "move_mount", "the root");
  int root = fcntl(tree, F_DUPFD_CLOEXEC, 3);
  return root < 0 ? error_errno(err, "fcntl", "the root") : root;
}

static bool has_own_mounts(const struct config *config) { return config->namespaces & CLONE_NEWNS || config->joins[NS_MOUNT]; }

/* In the host's own mount namespace nothing but the root's folder is touched; all that is mounted there goes with one mount. */
static int bind_root(const struct config *config, struct error *err) {
  if (config->overlay || config->root_tree >= 0) return error_text(err, "config.json: linux.namespaces: a mount namespace is needed with users of its own, and with io.bayplan.overlay");
  if (mount(config->root, config->root, NULL, MS_BIND | MS_REC, NULL) < 0 || mount(NULL, config->root, NULL, MS_PRIVATE, NULL) < 0) return error_errno(err, "mount", config->root);
  int root = open(config->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
  return root < 0 ? error_errno(err, "open", config->root) : root;
}

void mounts_leave(const struct config *config) {
  if (config->root && !has_own_mounts(config)) umount2(config->root, MNT_DETACH | UMOUNT_NOFOLLOW); /* not there: the set-up did not come to it */
}

int mounts_root(const struct config *config, struct error *err) {
  if (!has_own_mounts(config)) return bind_root(config, err);
  /* Nothing mounted here may reach the host, unless a bind wants exactly that. */
  if (mount(NULL, "/", NULL, first_propagation(config), NULL) < 0) return error_errno(err, "mount", "/");
  if (config->root_propagation && unshare_above(config->root_tree >= 0 ? "/" : config->root, err) < 0) return -1;
  if (config->root_tree >= 0) return attach_root(config->root_tree, err);
  if (config->overlay) {
    if (overlay_mount(config->root, config->overlay, config->overlay_cwd, -1, err) < 0) return -1;
  } else if (mount(config->root, config->root, NULL, MS_BIND | MS_REC, NULL) < 0) {
    if (errno == ENOENT || errno == ENOTDIR) { error_errno(err, "mount", config->root); return error_text(err, "root.path %s is no folder", config->root); }
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
    if (make_source(mount->source, err) < 0) return -1;
    tree = open_tree(AT_FDCWD, mount->source, flags);
  }
  if (tree >= 0) return tree;
  if (errno != ENOENT) return error_errno(err, "open_tree", mount->source);
  error_errno(err, "open_tree", mount->source);
  return error_text(err, "bind source %s does not exist (for %s): make it, or set bind.create_host_path", mount->source, mount->target);
}

/* Users and groups as `mappings` has them, or where it has none as in the container. */
static int open_users(const struct config *config, const struct mappings *mappings, struct error *err) {
  if (!mappings->uid_count) mappings = &config->mappings;
  if (mappings->uid_count) return userns_open(mappings, err);
  int users = config->joins[NS_USER] ? open(config->joins[NS_USER], O_RDONLY | O_CLOEXEC) : -1;
  return users >= 0 ? users : config->joins[NS_USER] ? error_errno(err, "open", config->joins[NS_USER]) : error_text(err, "config.json: nothing says how users are mapped");
}

static int idmap(int tree, const struct config *config, const struct mappings *mappings, bool deep, const char *path, struct error *err) {
  fd_auto users = open_users(config, mappings, err);
  if (users < 0) return -1;
  struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)users};
  if (mount_setattr(tree, "", AT_EMPTY_PATH | (deep ? AT_RECURSIVE : 0), &attr, sizeof attr) == 0) return 0;
  error_errno(err, "mount_setattr", path);
  if (err->errnum == EINVAL) snprintf(err->text, sizeof err->text, "%.300s cannot be idmapped: its file system, or this kernel, has no support for it", path);
  return -1;
}

/* The bound tree with all that was asked of it, not attached yet: it is never visible writable for a moment. */
static int bind_tree(const struct config *config, const struct mount_spec *mount, struct error *err) {
  fd_auto tree = open_source(mount, err);
  if (tree < 0) return -1;
  if (mount->idmap && idmap(tree, config, &mount->mappings, mount->idmap_deep, mount->source, err) < 0) return -1;
  struct mount_attr one = {.attr_set = mount->attr_set, .attr_clr = mount->attr_clear, .propagation = mount->propagation_deep ? 0 : mount->propagation};
  struct mount_attr all = {.attr_set = mount->attr_set_deep, .attr_clr = mount->attr_clear_deep, .propagation = mount->propagation_deep ? mount->propagation : 0};
  if (set_attributes(tree, one, false, mount->target, err) < 0 || set_attributes(tree, all, true, mount->target, err) < 0) return -1;
  return fd_steal(&tree);
}

static int bind_mount(const struct config *config, const struct mount_spec *mount, int root, struct error *err) {
  fd_auto tree = mount->tree >= 0 ? fcntl(mount->tree, F_DUPFD_CLOEXEC, 3) : bind_tree(config, mount, err);
  if (tree < 0) return mount->tree >= 0 ? error_errno(err, "fcntl", mount->target) : -1;
  struct stat source;
  if (fstat(tree, &source) < 0) return error_errno(err, "fstat", mount->source);
  fd_auto target = inroot_make(root, mount->target, !S_ISDIR(source.st_mode), S_ISDIR(source.st_mode) ? 0755 : 0644, err);
  return target < 0 ? -1 : attach(tree, target, mount->target, err);
}

static bool has_own_users(const struct config *config) { return config->namespaces & CLONE_NEWUSER || config->joins[NS_USER]; }

bool mounts_need_host(const struct config *config) {
  if (has_own_users(config)) return true;
  for (size_t i = 0; i < config->mount_count; i++) if (config->mounts[i].idmap) return true;
  return false;
}

static int prepare_root(struct config *config, struct error *err) {
  if (!config->joins[NS_MOUNT]) {
    if (unshare(CLONE_NEWNS) < 0) return error_errno(err, "unshare", "mount");
    if (mount(NULL, "/", NULL, first_propagation(config), NULL) < 0) return error_errno(err, "mount", "/");
    if (config->root_propagation && unshare_above(config->root, err) < 0) return -1;
  }
  if (config->overlay) {
    fd_auto users = config->overlay_idmap ? open_users(config, &config->mappings, err) : -1;
    if (config->overlay_idmap && users < 0) return -1;
    if (overlay_mount(config->root, config->overlay, config->overlay_cwd, users, err) < 0) return -1;
  }
  config->root_tree = open_tree(AT_FDCWD, config->root, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  return config->root_tree < 0 ? error_errno(err, "open_tree", config->root) : 0;
}

int mounts_prepare(struct config *config, struct error *err) {
  bool all = has_own_users(config);
  if (all && prepare_root(config, err) < 0) return -1;
  for (size_t i = 0; i < config->mount_count; i++) {
    struct mount_spec *mount = &config->mounts[i];
    bool content = strcmp(mount->type, "content") == 0;
    if (!(mount->bind || content) || !(all || mount->idmap)) continue;
    if (config->progress) snprintf(config->progress, PROGRESS_ROOM, "bind source %s (for %s)", mount->source, mount->target);
    mount->tree = content ? content_tree(mount, config->root, err) : bind_tree(config, mount, err);
    if (mount->tree < 0) return -1;
  }
  return 0;
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

/* In the host's cgroup namespace a new mount would show the whole hierarchy: the container's own part is bound, as Docker does in version 1. */
static int bind_cgroup(const struct mount_spec *one, int folder, const char *name, const char *path, struct error *err) {
  char *source = arena_format("/sys/fs/cgroup/%s%s%s", name, *path == '/' ? "" : "/", path);
  fd_auto tree = open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree < 0) return error_errno(err, "open_tree", source);
  return set_attributes(tree, (struct mount_attr){.attr_set = one->attr_set, .attr_clr = one->attr_clear}, false, source, err) < 0 ? -1 : attach(tree, folder, one->target, err);
}

/* /sys/fs/cgroup as a process in its own cgroup namespace sees it: the v2 tree, or a folder a hierarchy that the container is in. */
static int cgroup_mount(const struct config *config, const struct mount_spec *mount, int root, const struct cgroup *cgroup, struct error *err) {
  bool own = config->namespaces & CLONE_NEWCGROUP || config->joins[NS_CGROUP];
  fd_auto target = inroot_make(root, mount->target, false, 0755, err);
  if (target < 0) return -1;
  if (cgroup_pure_v2(cgroup)) return mount_on(target, mount, "cgroup2", "", err);
  struct mount_spec top = {.source = "tmpfs", .target = mount->target, .flags = MS_NOSUID | MS_NODEV | MS_NOEXEC};
  if (mount_on(target, &top, "tmpfs", "mode=755,size=16k", err) < 0) return -1;
  fd_auto tmpfs = inroot_open(root, mount->target, O_PATH);
  if (tmpfs < 0) return error_errno(err, "openat2", mount->target);
  for (const char *const *name = cgroup_names(cgroup); (own || config->cgroups_path) && name && *name; name++) {
    struct mount_spec one = *mount;
    one.target = arena_format("%s/%s", mount->target, *name);
    one.source = "cgroup";
    /* Straight in the tmpfs, which is ours and new: nothing in it can lead elsewhere. */
    if (mkdirat(tmpfs, *name, 0755) < 0) return error_errno(err, "mkdir", one.target);
    fd_auto folder = openat(tmpfs, *name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) return error_errno(err, "open", one.target);
    bool unified = strcmp(*name, "unified") == 0;
    if (own ? mount_on(folder, &one, unified ? "cgroup2" : "cgroup", unified ? "" : *name, err) < 0 : bind_cgroup(&one, folder, *name, config->cgroups_path, err) < 0) return -1;
  }
  return mount->flags & MS_RDONLY ? set_attributes(tmpfs, (struct mount_attr){.attr_set = MOUNT_ATTR_RDONLY}, false, mount->target, err) : 0;
}

/* What only the host's root may mount: /sys shows the network namespace, and that is the host's in a user namespace without one of its own. */
static int mount_sysfs(const struct mount_spec *mount, int target, struct error *err) {
  if (mount_on(target, mount, mount->type, mount->data, err) == 0) return 0;
  if (err->errnum != EPERM) return -1;
  fd_auto tree = open_tree(AT_FDCWD, "/sys", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  if (tree < 0) return error_errno(err, "open_tree", "/sys");
  struct mount_attr attr = {.attr_set = mount->flags & MS_RDONLY ? MOUNT_ATTR_RDONLY : 0};
  return set_attributes(tree, attr, true, "/sys", err) < 0 ? -1 : attach(tree, target, mount->target, err);
}

/* The mount at the target, once it is there. */
static int finish_mount(const struct mount_spec *mount, int root, int before, struct error *err) {
  if (!mount->propagation && !mount->attr_set_deep && !mount->attr_clear_deep && before < 0) return 0;
  fd_auto done = inroot_open(root, mount->target, before < 0 ? O_PATH : O_RDONLY | O_DIRECTORY);
  if (done < 0) return error_errno(err, "openat2", mount->target);
  if (before >= 0 && copy_tree(before, done, err) < 0) return -1;
  struct mount_attr one = {.propagation = mount->propagation_deep ? 0 : mount->propagation};
  struct mount_attr all = {.attr_set = mount->attr_set_deep, .attr_clr = mount->attr_clear_deep, .propagation = mount->propagation_deep ? mount->propagation : 0};
  return set_attributes(done, one, false, mount->target, err) < 0 ? -1 : set_attributes(done, all, true, mount->target, err);
}

/* A change of flags, or of what the file system is told, of what is mounted there. */
static int remount(const struct mount_spec *mount, int root, struct error *err) {
  fd_auto target = inroot_open(root, mount->target, O_PATH);
  return target < 0 ? error_errno(err, "openat2", mount->target) : mount_on(target, mount, mount->type, mount->data, err);
}

static int other_mount(const struct mount_spec *mount, int root, struct error *err) {
  if (mount->flags & MS_REMOUNT) return remount(mount, root, err);
  bool tmpfs = strcmp(mount->type, "tmpfs") == 0;
  const char *data = tmpfs ? tmpfs_data(mount, root) : mount->data;
  fd_auto target = inroot_make(root, mount->target, false, 0755, err);
  if (target < 0) return -1;
  fd_auto before = tmpfs && mount->copy_up ? inroot_open(root, mount->target, O_RDONLY | O_DIRECTORY) : -1;
  struct mount_spec first = *mount;
  if (before >= 0) first.flags &= ~(unsigned long)MS_RDONLY; /* until it is filled */
  if ((strcmp(mount->type, "sysfs") == 0 ? mount_sysfs(&first, target, err) : mount_on(target, &first, mount->type, data, err)) < 0) return -1;
  if (finish_mount(mount, root, before, err) < 0) return -1;
  if (first.flags == mount->flags) return 0;
  fd_auto done = inroot_open(root, mount->target, O_PATH);
  return done < 0 ? error_errno(err, "openat2", mount->target) : set_attributes(done, (struct mount_attr){.attr_set = MOUNT_ATTR_RDONLY}, false, mount->target, err);
}

/* In a user namespace nobody makes nodes that work: the host's own are bound. */
static int bind_node(int folder, const char *name, const char *path, struct error *err) {
  fd_auto tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree < 0) return error_errno(err, "open_tree", path);
  fd_auto made = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (made < 0 && errno != EEXIST) return error_errno(err, "open", path);
  fd_auto target = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  return target < 0 ? error_errno(err, "open", path) : attach(tree, target, path, err);
}

static int make_node(const struct config *config, int root, const struct device *device, struct error *err) {
  char folder[4096];
  const char *slash = strrchr(device->path, '/');
  snprintf(folder, sizeof folder, "%.*s/", (int)(slash - device->path), device->path);
  fd_auto above = inroot_make(root, folder, false, 0755, err);
  if (above < 0) return -1;
  if (has_own_users(config)) return bind_node(above, slash + 1, device->path, err);
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
    if (has_own_users(config)) { if (bind_node(dev, nodes[i].path + 5, nodes[i].path, err) < 0) return -1; }
    else if (mknodat(dev, nodes[i].path + 5, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)) < 0 && errno != EEXIST) return error_errno(err, "mknod", nodes[i].path);
  for (size_t i = 0; i < sizeof links / sizeof *links; i++)
    if (symlinkat(links[i].to, dev, links[i].name) < 0 && errno != EEXIST) return error_errno(err, "symlink", links[i].name);
  for (size_t i = 0; i < config->device_count; i++) if (make_node(config, root, &config->devices[i], err) < 0) return -1;
  return 0;
}

int mounts_apply(const struct config *config, int root, const struct cgroup *cgroup, struct error *err) {
  bool dev = false;
  for (size_t i = 0; i < config->mount_count; i++) {
    const struct mount_spec *mount = &config->mounts[i];
    if (config->progress && mount->bind) snprintf(config->progress, PROGRESS_ROOM, "bind source %s (for %s)", mount->source, mount->target);
    int failed = mount->bind && !(mount->flags & MS_REMOUNT) ? bind_mount(config, mount, root, err)
      : strcmp(mount->type, "content") == 0 ? content_mount(mount, root, config->root, err)
      : strcmp(mount->type, "cgroup") == 0 ? cgroup_mount(config, mount, root, cgroup, err)
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

static int finish_root(const struct config *config, struct error *err) {
  if (config->root_readonly) {
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    if (mount_setattr(AT_FDCWD, "/", 0, &attr, sizeof attr) < 0) return error_errno(err, "mount_setattr", "/");
  }
  if (config->root_propagation && mount(NULL, "/", NULL, propagation_of(config->root_propagation), NULL) < 0) return error_errno(err, "mount", "/");
  return 0;
}

static int move_root(const struct config *config, int root, struct error *err) {
  if (fchdir(root) < 0) return error_errno(err, "fchdir", config->root);
  if (mount(".", "/", NULL, MS_MOVE, NULL) < 0) return error_errno(err, "mount", "/");
  if (chroot(".") < 0) return error_errno(err, "chroot", config->root);
  if (chdir("/") < 0) return error_errno(err, "chdir", "/");
  return finish_root(config, err);
}

static int change_alone(const struct config *config, int root, struct error *err) {
  if (fchdir(root) < 0) return error_errno(err, "fchdir", config->root);
  if (chroot(".") < 0) return error_errno(err, "chroot", config->root);
  return chdir("/") < 0 ? error_errno(err, "chdir", "/") : finish_root(config, err);
}

static int pivot(const struct config *config, int root, struct error *err) {
  fd_auto old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (old < 0) return error_errno(err, "open", "/");
  if (fchdir(root) < 0) return error_errno(err, "fchdir", config->root);
  if (syscall(SYS_pivot_root, ".", ".") < 0) return error_errno(err, "pivot_root", config->root);
  /* The old root now lies over the new one. Taking it away must not travel to the host. */
  if (fchdir(old) < 0) return error_errno(err, "fchdir", "/");
  if (mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0) return error_errno(err, "mount", "old root");
  if (umount2(".", MNT_DETACH) < 0) return error_errno(err, "umount2", "old root");
  if (chdir("/") < 0) return error_errno(err, "chdir", "/");
  return finish_root(config, err);
}

int mounts_change_root(const struct config *config, int root, bool no_pivot, struct error *err) {
  return !has_own_mounts(config) ? change_alone(config, root, err) : no_pivot ? move_root(config, root, err) : pivot(config, root, err);
}
