#include "device_nodes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "arena.h"
#include "inroot.h"
#include "mapping.h"
#include "mount_tree.h"
#include "scope.h"

/* Shows what `tree` holds, a device's node, at a name in `folder`. */
static int attach_node(int folder, const char *name, int tree, const char *path, struct error *err) {
  fd_auto made = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (made < 0 && errno != EEXIST) return error_errno(err, "open", path);
  fd_auto target = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  return target < 0 ? error_errno(err, "open", path) : tree_attach(tree, target, path, err);
}

/* In a user namespace nobody makes nodes that work: the host's own are bound. */
static int bind_node(int folder, const char *name, const char *path, struct error *err) {
  fd_auto tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree < 0) return error_errno(err, "open_tree", path);
  return tree_attributes(tree, (struct mount_attr){.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC}, false, path, err) < 0 ? -1 : attach_node(folder, name, tree, path, err);
}

/* A node of the number that is asked for, the container's own users its owners. */
static int make_tree(const struct config *config, struct device *device, int folder, const char *name, struct error *err) {
  const struct mappings *users = &config->mappings;
  uint32_t uid, gid;
  if (!mapping_outside(users->uids, users->uid_count, device->uid, &uid) || !mapping_outside(users->gids, users->gid_count, device->gid, &gid))
    return error_text(err, "device %s: its owner %u:%u has no mapping in the user namespace", device->path, device->uid, device->gid);
  if (mknodat(folder, name, device->mode, device->number) < 0) return error_errno(err, "mknod", device->path);
  if (fchownat(folder, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 || fchmodat(folder, name, device->mode & 07777, 0) < 0) return error_errno(err, "chown", device->path);
  device->tree = open_tree(folder, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  return device->tree < 0 ? error_errno(err, "open_tree", device->path) : 0;
}

/* Nodes on a file system of the host's own work in every namespace that they are shown in. */
int device_trees(struct config *config, struct error *err) {
  char name[24];
  int rc = 0;
  if (!config->device_count) return 0;
  if (mount("tmpfs", config->root, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0700") < 0) return error_errno(err, "mount", config->root);
  fd_auto folder = open(config->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) rc = error_errno(err, "open", config->root);
  for (size_t i = 0; rc == 0 && i < config->device_count; i++) {
    snprintf(name, sizeof name, "%zu", i);
    rc = make_tree(config, &config->devices[i], folder, name, err);
  }
  return umount2(config->root, MNT_DETACH) < 0 && rc == 0 ? error_errno(err, "umount2", config->root) : rc;
}

static int make_node(const struct config *config, int root, const struct device *device, struct error *err) {
  char folder[4096];
  size_t length = strlen(device->path);
  while (length > 1 && device->path[length - 1] == '/') length--;
  const char *path = arena_format("%.*s", (int)length, device->path), *slash = path ? strrchr(path, '/') : NULL;
  if (!slash) return error_text(err, "device %s: an absolute path is wanted", device->path);
  snprintf(folder, sizeof folder, "%.*s/", (int)(slash - path), path);
  fd_auto above = inroot_make(root, folder, false, 0755, err);
  if (above < 0) return -1;
  if (config_has_users(config)) return attach_node(above, slash + 1, device->tree, device->path, err);
  if (mknodat(above, slash + 1, device->mode, device->number) < 0) {
    if (errno == EEXIST) return 0; /* an image, or a bind, may bring its own */
    return error_errno(err, "mknod", device->path);
  }
  if ((device->uid || device->gid) && fchownat(above, slash + 1, device->uid, device->gid, AT_SYMLINK_NOFOLLOW) < 0) return error_errno(err, "chown", device->path);
  return 0;
}

/* The devices and links that the specification's section "Default Devices" asks for. */
int device_nodes(const struct config *config, int root, int dev, struct error *err) {
  static const struct { const char *path; unsigned major, minor; } nodes[] = {
    {"/dev/null", 1, 3}, {"/dev/zero", 1, 5}, {"/dev/full", 1, 7}, {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
  };
  static const struct { const char *name, *to; } links[] = {
    {"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
    {"core", "/proc/kcore"}, {"ptmx", "pts/ptmx"},
  };
  for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
    if (config_has_users(config)) { if (bind_node(dev, nodes[i].path + 5, nodes[i].path, err) < 0) return -1; }
    else if (mknodat(dev, nodes[i].path + 5, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)) < 0 && errno != EEXIST) return error_errno(err, "mknod", nodes[i].path);
  for (size_t i = 0; i < sizeof links / sizeof *links; i++)
    if (symlinkat(links[i].to, dev, links[i].name) < 0 && errno != EEXIST) return error_errno(err, "symlink", links[i].name);
  for (size_t i = 0; i < config->device_count; i++) if (make_node(config, root, &config->devices[i], err) < 0) return -1;
  return 0;
}

int device_null(int root) {
  fd_auto null = inroot_open(root, "/dev/null", O_PATH | O_NOFOLLOW);
  struct stat stat;
  return null >= 0 && fstat(null, &stat) == 0 && S_ISCHR(stat.st_mode) && stat.st_rdev == makedev(1, 3) ? fd_steal(&null) : open("/dev/null", O_PATH | O_CLOEXEC);
}
