#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "inroot.h"
#include "mount_swap.h"
#include "scope.h"

#ifndef MOVE_MOUNT_BENEATH
#define MOVE_MOUNT_BENEATH 0x00000200 /* Linux 6.5 */
#endif

static int mount_at(int fd, struct statx *found) { return statx(fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_MNT_ID, found); }

/* The mount that a descriptor is of goes, and the one beneath it is seen. `self`: the /proc/self/fd of outside, for the container need not have one. */
static int uncover(int self, int fd, const char *target, struct error *err) {
  char name[16];
  snprintf(name, sizeof name, "%d", fd);
  return fchdir(self) < 0 || umount2(name, MNT_DETACH) < 0 ? error_errno(err, "umount2", target) : 0;
}

int mount_swap(int root, int self, int tree, const char *target, mount_is *right, const char *wrong, struct error *err) {
  struct statx before, now, made;
  fd_auto old = inroot_open(root, target, O_PATH);
  if (old < 0 || mount_at(old, &before) < 0) return error_errno(err, "open", target);
  if (!right(old, &before)) return error_text(err, "%s: what is mounted there is %s", target, wrong);
  const unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  bool beneath = move_mount(tree, "", old, "", flags | MOVE_MOUNT_BENEATH) == 0;
  if (!beneath && move_mount(tree, "", old, "", flags) < 0) return error_errno(err, "move_mount", target);
  if (beneath && uncover(self, old, target, err) < 0) return -1;
  fd_auto seen = inroot_open(root, target, O_PATH);
  if (seen < 0 || mount_at(seen, &now) < 0 || mount_at(tree, &made) < 0) return error_errno(err, "open", target);
  return now.stx_mnt_id == made.stx_mnt_id ? 0 : error_text(err, "%s: another mount is seen there than the one that was made", target);
}
