#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/btrfs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core.h"
#include "scope.h"

/* Subvolumes of btrfs: copies of a whole tree that cost nothing until they are written to. */

/* Opens the folder that `path` stands in; its name there goes to `base`. */
static int open_parent(const char *path, char *base, size_t size, struct error *err) {
  char copy[PATH_MAX], again[PATH_MAX];
  if (strlen(path) >= sizeof copy) { errno = ENAMETOOLONG; return error_errno(err, "open", path); }
  strcpy(copy, path);
  strcpy(again, path);
  const char *name = basename(copy), *parent = dirname(again);
  if (strlen(name) >= size) { errno = ENAMETOOLONG; return error_errno(err, "open", path); }
  strcpy(base, name);
  int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return fd < 0 ? error_errno(err, "open", parent) : fd;
}

static int create(const char *path, const char *source, struct error *err) {
  struct btrfs_ioctl_vol_args_v2 args = {.flags = 0};
  fd_auto parent = open_parent(path, args.name, BTRFS_VOL_NAME_MAX, err);
  if (parent < 0) return -1;
  if (!source) return ioctl(parent, BTRFS_IOC_SUBVOL_CREATE_V2, &args) < 0 ? error_errno(err, "ioctl(SUBVOL_CREATE)", path) : 0;
  fd_auto from = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (from < 0) return error_errno(err, "open", source);
  args.fd = from;
  return ioctl(parent, BTRFS_IOC_SNAP_CREATE_V2, &args) < 0 ? error_errno(err, "ioctl(SNAP_CREATE)", path) : 0;
}

static int delete(const char *path, struct error *err) {
  struct btrfs_ioctl_vol_args args = {.fd = 0};
  fd_auto parent = open_parent(path, args.name, BTRFS_VOL_NAME_MAX, err);
  if (parent < 0) return -1;
  return ioctl(parent, BTRFS_IOC_SNAP_DESTROY, &args) < 0 && errno != ENOENT ? error_errno(err, "ioctl(SNAP_DESTROY)", path) : 0;
}

int cmd_subvolume(int argc, char **argv) {
  struct error err = {0};
  bool creates = argc >= 4 && strcmp(argv[1], "create") == 0, deletes = argc == 4 && strcmp(argv[1], "delete") == 0;
  const char *source = creates && argc == 6 && strcmp(argv[4], "--source") == 0 ? argv[5] : NULL;
  if ((!creates && !deletes) || strcmp(argv[2], "--path") != 0 || (argc != 4 && !source)) error_text(&err, "usage: bayplan-core subvolume create --path DIR [--source DIR], or delete --path DIR");
  else if ((creates ? create(argv[3], source, &err) : delete(argv[3], &err)) == 0) return 0;
  error_write(2, &err);
  return 1;
}
