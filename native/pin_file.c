#include "pin_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "scope.h"

/* The thread's own root and working folder are that namespace's root then. What the path is there. */
static const char *enter(int mounts, const char *path, struct error *err) {
  if (mounts < 0) return path;
  if (unshare(CLONE_FS) < 0 || setns(mounts, CLONE_NEWNS) < 0) { error_errno(err, "setns", path); return NULL; }
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

int pin_file(int namespace, int mounts, const char *path, struct error *err) {
  const char *name = enter(mounts, path, err);
  if (!name) return -1;
  fd_auto file = open(name, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
  if (file < 0) return error_errno(err, "open", path);
  fd_auto tree = open_tree(namespace, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree >= 0 && move_mount(tree, "", file, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0) return 0;
  error_errno(err, tree < 0 ? "open_tree" : "move_mount", path);
  unlink(name);
  return -1;
}

int unpin_file(int mounts, const char *path, struct error *err) {
  const char *name = enter(mounts, path, err);
  if (!name) return -1;
  /* EINVAL: not a mount point any more. */
  if (umount2(name, MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT) return error_errno(err, "umount", path);
  return unlink(name) < 0 && errno != ENOENT ? error_errno(err, "unlink", path) : 0;
}
