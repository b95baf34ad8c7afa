#include "hide.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "device_nodes.h"
#include "filesystem.h"
#include "inroot.h"
#include "mount_tree.h"
#include "scope.h"

/* One empty read-only tmpfs, which is mounted over the first hidden folder and bound over the others. */
static int hide_folder(int target, const char *path, int *empty, struct error *err) {
  const struct mount_spec spec = {.source = "tmpfs", .target = path, .type = "tmpfs", .flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, .data = "size=0k,nr_inodes=1"};
  if (*empty < 0) return (*empty = filesystem_open(&spec, err)) < 0 ? -1 : tree_attach(*empty, target, path, err);
  fd_auto tree = open_tree(*empty, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  return tree < 0 ? error_errno(err, "open_tree", path) : tree_attach(tree, target, path, err);
}

static int hide_file(int root, int target, const char *path, struct error *err) {
  fd_auto null = device_null(root);
  if (null < 0) return error_errno(err, "open", "/dev/null");
  fd_auto tree = open_tree(null, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  return tree < 0 ? error_errno(err, "open_tree", "/dev/null") : tree_attach(tree, target, path, err);
}

static int mask(int root, const char *path, int *empty, struct error *err) {
  fd_auto target = inroot_open(root, path, O_PATH);
  if (target < 0) return errno == ENOENT || errno == ENOTDIR ? 0 : error_errno(err, "openat2", path);
  struct stat stat;
  if (fstat(target, &stat) < 0) return error_errno(err, "fstat", path);
  return S_ISDIR(stat.st_mode) ? hide_folder(target, path, empty, err) : hide_file(root, target, path, err);
}

static int protect(int root, const char *path, struct error *err) {
  fd_auto target = inroot_open(root, path, O_PATH);
  if (target < 0) return errno == ENOENT || errno == ENOTDIR ? 0 : error_errno(err, "openat2", path);
  fd_auto tree = open_tree(target, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  if (tree < 0) return error_errno(err, "open_tree", path);
  if (tree_attributes(tree, (struct mount_attr){.attr_set = MOUNT_ATTR_RDONLY}, true, path, err) < 0) return -1;
  return tree_attach(tree, target, path, err);
}

int hide_paths(const struct config *config, int root, struct error *err) {
  fd_auto empty = -1;
  for (const char **path = config->masked; *path; path++) {
    const char **former = config->masked;
    while (strcmp(*former, *path) != 0) former++;
    if (former == path && mask(root, *path, &empty, err) < 0) return -1; /* one that is named twice is hidden already */
  }
  for (const char **path = config->readonly; *path; path++) if (protect(root, *path, err) < 0) return -1;
  return 0;
}
