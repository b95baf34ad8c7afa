#include "mount_tree.h"

#include <fcntl.h>
#include <sys/stat.h>

int tree_attributes(int tree, struct mount_attr attr, bool deep, const char *path, struct error *err) {
  if (!attr.attr_set && !attr.attr_clr && !attr.propagation) return 0;
  unsigned flags = AT_EMPTY_PATH | (deep ? AT_RECURSIVE : 0);
  return mount_setattr(tree, "", flags, &attr, sizeof attr) < 0 ? error_errno(err, "mount_setattr", path) : 0;
}

/* A file over a folder, or a folder over a file, is what the kernel refuses most, in no word of its own. */
static int attach_failed(int tree, int target, const char *path, struct error *err) {
  struct stat over, below;
  error_errno(err, "move_mount", path);
  if (fstat(tree, &over) < 0 || fstat(target, &below) < 0 || S_ISDIR(over.st_mode) == S_ISDIR(below.st_mode)) return -1;
  return error_text(err, S_ISDIR(over.st_mode) ? "mount on %s: what is mounted is a folder, and what is there a file" : "mount on %s: what is mounted is a file, and what is there a folder", path);
}

int tree_attach(int tree, int target, const char *path, struct error *err) {
  if (move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0) return attach_failed(tree, target, path, err);
  return 0;
}
