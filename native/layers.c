#include "layers.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "inroot.h"
#include "mount_tree.h"
#include "over_proc.h"
#include "overlay.h"
#include "scope.h"
#include "userns.h"

int layers_tree(const struct config *config, const struct mount_spec *mount, struct error *err) {
  fd_auto users = config_has_users(config) ? userns_of(config, &config->mappings, err) : -1;
  if (config_has_users(config) && users < 0) return -1;
  fd_auto tree = overlay_tree(config->root, mount->data, users, err);
  struct mount_attr attr = {.attr_set = mount->attr_set, .attr_clr = mount->attr_clear, .propagation = mount->propagation};
  return tree < 0 || tree_attributes(tree, attr, mount->propagation_deep, mount->target, err) < 0 ? -1 : fd_steal(&tree);
}

/* A part of it. Only what is attached somewhere can be copied (Linux 6.15 lifts that): for that moment it lies on the root itself. The image decides what its links lead to, but nothing that
   leads out of it is followed. */
static int part_of(int tree, const struct mount_spec *mount, int root, struct error *err) {
  if (tree_attach(tree, root, mount->target, err) < 0) return -1;
  fd_auto below = inroot_open_beneath(tree, mount->subpath, O_PATH);
  int failed = errno;
  fd_auto part = below < 0 ? -1 : open_tree(below, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
  if (below >= 0) failed = errno;
  char name[32];
  if (umount2(inroot_name(tree, name), MNT_DETACH) < 0) return error_errno(err, "umount2", mount->target);
  errno = failed;
  if (below < 0 && errno == ENOENT) return error_text(err, "subpath %s does not exist in the image for %s", mount->subpath, mount->target);
  if (below < 0 && errno == EXDEV) return error_text(err, "subpath %s leads out of the image for %s", mount->subpath, mount->target);
  if (part < 0) return error_errno(err, below < 0 ? "openat2" : "open_tree", mount->subpath);
  struct mount_attr attr = {.attr_set = mount->attr_set, .attr_clr = mount->attr_clear, .propagation = mount->propagation};
  return tree_attributes(part, attr, mount->propagation_deep, mount->target, err) < 0 ? -1 : fd_steal(&part);
}

int layers_mount(const struct config *config, const struct mount_spec *mount, int root, struct error *err) {
  fd_auto tree = mount->tree >= 0 ? fcntl(mount->tree, F_DUPFD_CLOEXEC, 3) : layers_tree(config, mount, err);
  if (tree < 0) return mount->tree >= 0 ? error_errno(err, "fcntl", mount->target) : -1;
  fd_auto part = mount->subpath ? part_of(tree, mount, root, err) : -1;
  if (mount->subpath && part < 0) return -1;
  struct stat stat = {0};
  if (part >= 0 && fstat(part, &stat) < 0) return error_errno(err, "fstat", mount->target);
  fd_auto target = inroot_make(root, mount->target, part >= 0 && !S_ISDIR(stat.st_mode), part >= 0 && !S_ISDIR(stat.st_mode) ? 0644 : 0755, err);
  return target < 0 || over_proc_allowed(mount, -1, root, target, err) < 0 ? -1 : tree_attach(part >= 0 ? part : tree, target, mount->target, err);
}
