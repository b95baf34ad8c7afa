#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "arena.h"
#include "bind.h"
#include "cgroup.h"
#include "content.h"
#include "copy_tree.h"
#include "device_nodes.h"
#include "filesystem.h"
#include "inroot.h"
#include "layers.h"
#include "mount_tree.h"
#include "newroot.h"
#include "over_proc.h"
#include "scope.h"
#include "userns.h"

bool mounts_need_host(const struct config *config) {
  if (config_has_users(config)) return true;
  for (size_t i = 0; i < config->mount_count; i++) if (config->mounts[i].idmap) return true;
  return false;
}

int mounts_prepare(struct config *config, struct error *err) {
  bool all = config_has_users(config);
  if (all && (newroot_prepare(config, err) < 0 || device_trees(config, err) < 0)) return -1;
  for (size_t i = 0; i < config->mount_count; i++) {
    struct mount_spec *mount = &config->mounts[i];
    bool content = strcmp(mount->type, "content") == 0, layers = strcmp(mount->type, "overlay") == 0;
    if (!(mount->bind || content || layers) || !(all || mount->idmap)) continue;
    progress_note(config->progress, "bind source %s (for %s)", mount->source, mount->target);
    mount->tree = content ? content_tree(config, mount, err) : layers ? layers_tree(config, mount, err) : bind_tree(config, mount, err);
    if (mount->tree < 0) return -1;
  }
  return 0;
}

/* Attaches a new file system; a descriptor of its root. */
static int mount_on(int target, const struct mount_spec *mount, struct error *err) {
  fd_auto tree = filesystem_open(mount, err);
  return tree < 0 || tree_attach(tree, target, mount->target, err) < 0 ? -1 : fd_steal(&tree);
}

/* The container's own part of the host's mount. In the host's cgroup namespace a new mount would show the whole hierarchy, and in any a new mount of version 1 waits for the kernel's one
   lock of all cgroups. */
static int bind_cgroup(const struct mount_spec *one, int folder, const char *name, const char *path, struct error *err) {
  char *source = arena_format("/sys/fs/cgroup/%s%s%s", name, *path == '/' ? "" : "/", path);
  fd_auto tree = open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree < 0) return error_errno(err, "open_tree", source);
  return tree_attributes(tree, (struct mount_attr){.attr_set = one->attr_set, .attr_clr = one->attr_clear}, false, source, err) < 0 ? -1 : tree_attach(tree, folder, one->target, err);
}

/* A new folder straight in the tmpfs, which is ours and new: nothing in it can lead elsewhere. */
static int make_hierarchy(int tmpfs, const char *name, const char *target, struct error *err) {
  if (mkdirat(tmpfs, name, 0755) < 0) return error_errno(err, "mkdir", target);
  int folder = openat(tmpfs, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  return folder < 0 ? error_errno(err, "open", target) : folder;
}

/* Programs that size themselves by their cgroups (the JVM among them) do so only where they find cpuset beside memory and cpu. A container without a choice of processors is where its shim is. */
static int bind_shared_cpuset(const struct mount_spec *mount, int tmpfs, const char *name, const char *path, struct error *err) {
  struct mount_spec one = *mount;
  one.target = arena_format("%s/%s", mount->target, name);
  one.attr_set |= MOUNT_ATTR_RDONLY;
  one.attr_clear &= ~(uint64_t)MOUNT_ATTR_RDONLY;
  fd_auto folder = make_hierarchy(tmpfs, name, one.target, err);
  return folder < 0 ? -1 : bind_cgroup(&one, folder, name, path, err);
}

/* One hierarchy of those that it has a folder in. */
static int mount_hierarchy(const struct config *config, const struct mount_spec *mount, int tmpfs, const char *name, struct error *err) {
  bool unified = strcmp(name, "unified") == 0;
  struct mount_spec one = *mount;
  one.target = arena_format("%s/%s", mount->target, name);
  one.source = "cgroup";
  one.type = unified ? "cgroup2" : "cgroup";
  one.data = unified ? "" : name;
  fd_auto folder = make_hierarchy(tmpfs, name, one.target, err);
  if (folder < 0) return -1;
  if (config->cgroups_path && !config->joins[NS_CGROUP]) return bind_cgroup(&one, folder, name, config->cgroups_path, err);
  fd_auto mounted = mount_on(folder, &one, err);
  return mounted < 0 ? -1 : 0;
}

/* /sys/fs/cgroup as a process in its own cgroup namespace sees it: the v2 tree, or a folder a hierarchy that the container is in. */
static int cgroup_mount(const struct config *config, const struct mount_spec *mount, int root, const struct cgroup *cgroup, struct error *err) {
  bool own = config->namespaces & CLONE_NEWCGROUP || config->joins[NS_CGROUP], pure = cgroup_pure_v2(cgroup);
  struct mount_spec top = *mount;
  top.type = pure ? "cgroup2" : "tmpfs";
  top.data = pure ? "" : "mode=755,size=16k";
  if (!pure) top.flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  fd_auto target = inroot_make(root, mount->target, false, 0755, err);
  if (target < 0 || over_proc_allowed(mount, -1, root, target, err) < 0) return -1;
  fd_auto mounted = mount_on(target, &top, err);
  if (mounted < 0 || pure) return mounted < 0 ? -1 : 0;
  for (const char *const *name = cgroup_names(cgroup); (own || config->cgroups_path) && name && *name; name++)
    if (mount_hierarchy(config, mount, mounted, *name, err) < 0) return -1;
  const char *path, *shared = own && config->cgroups_path && !config->joins[NS_CGROUP] ? cgroup_shared_cpuset(cgroup, &path) : NULL;
  if (shared && bind_shared_cpuset(mount, mounted, shared, path, err) < 0) return -1;
  return mount->flags & MS_RDONLY ? tree_attributes(mounted, (struct mount_attr){.attr_set = MOUNT_ATTR_RDONLY}, false, mount->target, err) : 0;
}

/* What only the host's root may mount: /sys shows the network namespace, and that is the host's in a user namespace without one of its own. */
static int host_sysfs(struct error *err) {
  int tree = open_tree(AT_FDCWD, "/sys", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  return tree < 0 ? error_errno(err, "open_tree", "/sys") : tree;
}

/* A change of flags, or of what the file system is told, of what is mounted there. */
static int remount(const struct mount_spec *spec, int root, struct error *err) {
  char name[32];
  fd_auto target = inroot_open(root, spec->target, O_PATH);
  if (target < 0) return error_errno(err, "openat2", spec->target);
  if (mount(spec->source, inroot_name(target, name), spec->type, spec->flags, *spec->data ? spec->data : NULL) == 0) return 0;
  return error_errno(err, "mount", spec->target);
}

/* The kernel's own interfaces lie where the specification has them: masked paths and sysctls are looked up by those names, and a link would lead them elsewhere. */
static int open_interface(const struct mount_spec *mount, int root, struct error *err) {
  int found = inroot_open_plain(root, mount->target, O_PATH | O_DIRECTORY);
  if (found >= 0) return found;
  if (errno == ELOOP || errno == ENOTDIR) return error_text(err, "mount %s on %s: must be mounted on ordinary directory, and no link", mount->type, mount->target);
  return errno == ENOENT ? inroot_make(root, mount->target, false, 0755, err) : error_errno(err, "openat2", mount->target);
}

/* What `spec` asks for, not attached yet. `before`: what a tmpfs begins with; -1: nothing. */
static int new_tree(struct mount_spec *spec, int before, struct error *err) {
  const struct mount_attr later = {.attr_set = before >= 0 && spec->flags & MS_RDONLY ? MOUNT_ATTR_RDONLY : 0}; /* once it is filled */
  if (later.attr_set) spec->flags &= ~(unsigned long)MS_RDONLY;
  fd_auto tree = filesystem_open(spec, err);
  if (tree < 0 && err->errnum == EPERM && strcmp(spec->type, "sysfs") == 0) {
    const struct mount_attr readonly = {.attr_set = spec->flags & MS_RDONLY ? MOUNT_ATTR_RDONLY : 0};
    if ((tree = host_sysfs(err)) < 0 || tree_attributes(tree, readonly, true, "/sys", err) < 0) return -1;
  }
  if (tree < 0) return -1;
  if (before >= 0) {
    fd_auto within = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (within < 0) return error_errno(err, "openat", spec->target);
    if (copy_tree(before, within, err) < 0) return -1;
  }
  struct mount_attr one = {.propagation = spec->propagation_deep ? 0 : spec->propagation};
  struct mount_attr all = {.attr_set = spec->attr_set_deep, .attr_clr = spec->attr_clear_deep, .propagation = spec->propagation_deep ? spec->propagation : 0};
  if (tree_attributes(tree, one, false, spec->target, err) < 0 || tree_attributes(tree, all, true, spec->target, err) < 0 || tree_attributes(tree, later, false, spec->target, err) < 0) return -1;
  return fd_steal(&tree);
}

/* Where the image has the folder already, a tmpfs over it keeps its mode, unless one is asked for. */
static const char *tmpfs_data(const struct mount_spec *mount, int there, struct error *err) {
  struct stat stat;
  if (fstat(there, &stat) < 0) { error_errno(err, "fstat", mount->target); return NULL; }
  return strstr(mount->data, "mode=") ? mount->data : arena_format("mode=%04o%s%s", stat.st_mode & 07777, *mount->data ? "," : "", mount->data);
}

/* Anything but a bind. A descriptor of what is mounted. */
static int other_mount(const struct mount_spec *mount, int root, struct error *err) {
  struct mount_spec spec = *mount;
  bool tmpfs = strcmp(mount->type, "tmpfs") == 0, interface = strcmp(mount->type, "proc") == 0 || strcmp(mount->type, "sysfs") == 0;
  fd_auto target = interface ? open_interface(mount, root, err) : inroot_open(root, mount->target, O_PATH);
  if (interface && target < 0) return -1;
  if (tmpfs && target >= 0 && !(spec.data = tmpfs_data(mount, target, err))) return -1;
  if (target < 0 && (target = inroot_make(root, mount->target, false, 0755, err)) < 0) return -1;
  if (over_proc_allowed(mount, -1, root, target, err) < 0) return -1;
  fd_auto before = tmpfs && mount->copy_up ? openat(target, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  if (tmpfs && mount->copy_up && before < 0) return error_errno(err, "open", mount->target);
  fd_auto tree = new_tree(&spec, before, err);
  return tree < 0 || tree_attach(tree, target, mount->target, err) < 0 ? -1 : fd_steal(&tree);
}

static int apply(const struct config *config, const struct mount_spec *mount, int root, const struct cgroup *cgroup, int *dev, struct error *err) {
  if (mount->flags & MS_REMOUNT) return remount(mount, root, err);
  if (mount->bind) return bind_mount(config, mount, root, err);
  if (strcmp(mount->type, "content") == 0) return content_mount(config, mount, root, err);
  if (strcmp(mount->type, "overlay") == 0) return layers_mount(config, mount, root, err);
  if (strcmp(mount->type, "cgroup") == 0) return cgroup_mount(config, mount, root, cgroup, err);
  bool is_dev = strcmp(mount->target, "/dev") == 0;
  struct mount_spec first = *mount;
  if (is_dev) first.flags &= ~(unsigned long)MS_RDONLY; /* until it has its nodes and what is mounted below */
  fd_auto mounted = other_mount(&first, root, err);
  if (mounted < 0) return -1;
  if (!is_dev) return 0;
  if (*dev >= 0) close(*dev);
  *dev = fd_steal(&mounted);
  return 0;
}

int mounts_apply(const struct config *config, int root, const struct cgroup *cgroup, struct error *err) {
  fd_auto dev = -1;
  bool dev_readonly = false;
  for (size_t i = 0; i < config->mount_count; i++) {
    const struct mount_spec *mount = &config->mounts[i];
    if (strcmp(mount->target, "/dev") == 0) dev_readonly = mount->flags & MS_RDONLY;
    if (mount->bind) progress_note(config->progress, "bind source %s (for %s)", mount->source, mount->target);
    if (apply(config, mount, root, cgroup, &dev, err) < 0) return -1;
  }
  if (dev < 0) return 0;
  if (device_nodes(config, root, dev, err) < 0) return -1;
  if (!dev_readonly) return 0;
  int console = config->has_process && config->process.terminal ? openat(dev, "console", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1; /* its place */
  if (console >= 0) close(console); /* what is open for writing cannot become read-only */
  return tree_attributes(dev, (struct mount_attr){.attr_set = MOUNT_ATTR_RDONLY}, false, "/dev", err);
}
