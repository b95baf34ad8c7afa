#include "archive_remove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inroot.h"
#include "scope.h"

static int mount_of(int parent, const char *base, struct statx *found) {
  return statx(parent, base, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (*base ? 0 : AT_EMPTY_PATH), STATX_TYPE | STATX_MNT_ID, found);
}

static int remove_at(int parent, const char *base, uint64_t mount, bool *left, struct error *err);

static int remove_below(int fd, const char *name, uint64_t mount, bool *left, struct error *err) {
  int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
  DIR *folder = copy < 0 ? NULL : fdopendir(copy);
  if (!folder) { if (copy >= 0) close(copy); return error_errno(err, "opendir", name); }
  for (struct dirent *child; rc == 0 && (child = readdir(folder));)
    if (strcmp(child->d_name, ".") && strcmp(child->d_name, "..")) rc = remove_at(fd, child->d_name, mount, left, err);
  closedir(folder);
  return rc;
}

/* `mount`: of the folder it is in; `left`: something of it stays. */
static int remove_at(int parent, const char *base, uint64_t mount, bool *left, struct error *err) {
  struct statx found;
  if (mount_of(parent, base, &found) < 0) return errno == ENOENT ? 0 : error_errno(err, "stat", base);
  if (found.stx_mnt_id != mount) { *left = true; return 0; }
  bool stays = false, folder = S_ISDIR(found.stx_mode);
  if (folder) {
    fd_auto fd = openat(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return error_errno(err, "open", base);
    if (remove_below(fd, base, mount, &stays, err) < 0) return -1;
  }
  if (stays) { *left = true; return 0; }
  return unlinkat(parent, base, folder ? AT_REMOVEDIR : 0) < 0 && errno != ENOENT ? error_errno(err, "unlink", base) : 0;
}

static int remove_named(int root, const char *folder, const char *name, struct error *err) {
  char path[PATH_MAX];
  if (snprintf(path, sizeof path, "%s/%s", folder, name) >= PATH_MAX) { errno = ENAMETOOLONG; return error_errno(err, "open", name); }
  char *slash = strrchr(path, '/'), *base = slash + 1;
  *slash = 0;
  if (!*base || !strcmp(base, ".") || !strcmp(base, "..")) return error_text(err, "\"%s\" names no file", name);
  fd_auto parent = inroot_open(root, *path ? path : "/", O_RDONLY | O_DIRECTORY);
  if (parent < 0) return errno == ENOENT || errno == ENOTDIR ? 0 : error_errno(err, "open", path);
  struct statx here;
  bool left = false;
  return mount_of(parent, "", &here) < 0 ? error_errno(err, "stat", path) : remove_at(parent, base, here.stx_mnt_id, &left, err);
}

int archive_remove(int root, const char *folder, struct error *err) {
  char *name = NULL;
  size_t room = 0;
  int rc = 0;
  for (ssize_t n; rc == 0 && (n = getdelim(&name, &room, 0, stdin)) > 0;)
    rc = name[n - 1] == 0 ? remove_named(root, folder, name, err) : error_text(err, "the last name on standard input is not whole");
  free(name);
  return rc;
}
