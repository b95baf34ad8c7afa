#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "lib_api.h"

/* Empties the open folder `fd`, which is closed. Nothing is followed: a link is removed, never what it leads to. */
static int empty(int fd, struct error *err) {
  DIR *folder = fdopendir(fd);
  if (!folder) { error_errno(err, "fdopendir", NULL); close(fd); return -1; }
  int result = 0;
  for (struct dirent *entry; result == 0 && (entry = readdir(folder));) {
    const char *name = entry->d_name;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
    if (unlinkat(dirfd(folder), name, 0) == 0 || errno == ENOENT) continue;
    if (errno != EISDIR) { result = error_errno(err, "unlink", name); break; }
    int inner = openat(dirfd(folder), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner < 0) { result = error_errno(err, "open", name); break; }
    result = empty(inner, err);
    if (result == 0 && unlinkat(dirfd(folder), name, AT_REMOVEDIR) < 0 && errno != ENOENT) result = error_errno(err, "rmdir", name);
  }
  closedir(folder);
  return result;
}

int lib_tree_remove(const char *path, struct error *err) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? 0 : error_errno(err, "open", path);
  if (empty(fd, err) < 0) return -1;
  return rmdir(path) < 0 && errno != ENOENT ? error_errno(err, "rmdir", path) : 0;
}

int lib_mount_seal(const char *path, struct error *err) {
  unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV;
  return mount(NULL, path, NULL, flags, NULL) < 0 ? error_errno(err, "mount", path) : 0;
}

int lib_tree_spread(const char *path, struct error *err) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), flags = 0;
  if (fd < 0) return error_errno(err, "open", path);
  /* Where the file system has no such flag, it has no need of it either. */
  if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && !(flags & FS_TOPDIR_FL)) {
    flags |= FS_TOPDIR_FL;
    (void)!ioctl(fd, FS_IOC_SETFLAGS, &flags);
  }
  close(fd);
  return 0;
}
