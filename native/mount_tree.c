#include "mount_tree.h"

#include <fcntl.h>


int tree_attributes(int tree, struct mount_attr attr, bool deep, const char *path, struct error *err) {
  if (!attr.attr_set && !attr.attr_clr && !attr.propagation) return 0;
  unsigned flags = AT_EMPTY_PATH | (deep ? AT_RECURSIVE : 0);
  return mount_setattr(tree, "", flags, &attr, sizeof attr) < 0 ? error_errno(err, "mount_setattr", path) : 0;
}

int tree_attach(int tree, int target, const char *path, struct error *err) {
  if (move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0) return error_errno(err, "move_mount", path);
  return 0;
}
