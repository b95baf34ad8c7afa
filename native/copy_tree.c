#include "copy_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "layer_xattr.h"
#include "linked_names.h"
#include "scope.h"

#define PIECE (16 << 20)

struct copy { int dest; unsigned patience; struct linked_names linked; };

/* 0 sets no bound. */
static void go_on(const struct copy *copy) { if (copy->patience) alarm(copy->patience); }

static int copy_xattrs(int from, int to, const char *path, struct error *err) {
  static char names[65536], value[65536];
  ssize_t length = flistxattr(from, names, sizeof names);
  if (length < 0) return errno == EOPNOTSUPP ? 0 : error_errno(err, "listxattr", path);
  for (const char *name = names; name < names + length; name += strlen(name) + 1) {
    if (!layer_xattr_wanted(name)) continue;
    ssize_t n = fgetxattr(from, name, value, sizeof value);
    if (n < 0 || (fsetxattr(to, name, value, (size_t)n, 0) < 0 && errno != EOPNOTSUPP)) return error_errno(err, "setxattr", path);
  }
  return 0;
}

/* Owner first: a change of owner takes setuid and capabilities away. */
static int copy_attributes(int from, int to, const struct stat *st, const char *path, struct error *err) {
  if (fchown(to, st->st_uid, st->st_gid) < 0) return error_errno(err, "chown", path);
  if (fchmod(to, st->st_mode & 07777) < 0) return error_errno(err, "chmod", path);
  if (copy_xattrs(from, to, path, err) < 0) return -1;
  struct timespec times[2] = {st->st_atim, st->st_mtim};
  return futimens(to, times) < 0 ? error_errno(err, "utimens", path) : 0;
}

static int copy_file(const struct copy *copy, int from_folder, int to_folder, const char *name, const struct stat *st, const char *path, struct error *err) {
  fd_auto from = openat(from_folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (from < 0) return error_errno(err, "open", path);
  fd_auto to = openat(to_folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (to < 0) return error_errno(err, "open", path);
  for (ssize_t n; (n = sendfile(to, from, NULL, PIECE)) != 0; go_on(copy))
    if (n < 0 && errno != EINTR) return error_errno(err, "write", path);
  return copy_attributes(from, to, st, path, err);
}

static int copy_special(int from_folder, int to_folder, const char *name, const struct stat *st, const char *path, struct error *err) {
  if (S_ISLNK(st->st_mode)) {
    char target[PATH_MAX];
    ssize_t n = readlinkat(from_folder, name, target, sizeof target - 1);
    if (n < 0) return error_errno(err, "readlink", path);
    target[n] = 0;
    if (symlinkat(target, to_folder, name) < 0) return error_errno(err, "symlink", path);
  } else {
    if (mknodat(to_folder, name, (st->st_mode & S_IFMT) | 0600, st->st_rdev) < 0) return error_errno(err, "mknod", path);
    if (fchmodat(to_folder, name, st->st_mode & 07777, 0) < 0) return error_errno(err, "chmod", path);
  }
  if (fchownat(to_folder, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0) return error_errno(err, "chown", path);
  struct timespec times[2] = {st->st_atim, st->st_mtim};
  return utimensat(to_folder, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? error_errno(err, "utimens", path) : 0;
}

/* A file of several names: 1 where it was linked to its first one, 0 where this is the first. */
static int link_known(struct copy *copy, const struct stat *st, const char *path, struct error *err) {
  const char *former;
  if (linked_names_find(&copy->linked, 0, st, path, &former, err) < 0) return -1;
  if (!former) return 0;
  return linkat(copy->dest, former, copy->dest, path, 0) < 0 ? error_errno(err, "link", path) : 1;
}

static int copy_folder(struct copy *copy, int from, int to, const char *path, struct error *err);

static int copy_child(struct copy *copy, int from, int to, const char *name, const char *path, struct error *err) {
  struct stat st;
  go_on(copy);
  if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return error_errno(err, "stat", path);
  if (S_ISCHR(st.st_mode) && st.st_rdev == 0) return 0; /* a whiteout, seen where there is one layer only and so no overlay */
  if (S_ISSOCK(st.st_mode)) return 0;
  if (S_ISDIR(st.st_mode)) {
    fd_auto inner = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner < 0 || mkdirat(to, name, 0700) < 0) return error_errno(err, "mkdir", path);
    fd_auto made = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return made < 0 ? error_errno(err, "open", path) : copy_folder(copy, inner, made, path, err);
  }
  if (st.st_nlink > 1) {
    int rc = link_known(copy, &st, path, err);
    if (rc != 0) return rc < 0 ? -1 : 0;
  }
  return S_ISREG(st.st_mode) ? copy_file(copy, from, to, name, &st, path, err) : copy_special(from, to, name, &st, path, err);
}

static int copy_folder(struct copy *copy, int from, int to, const char *path, struct error *err) {
  struct stat st;
  int listed = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *folder = listed < 0 ? NULL : fdopendir(listed);
  if (!folder || fstat(from, &st) < 0) { if (folder) closedir(folder); return error_errno(err, "open", path); }
  int rc = 0;
  for (struct dirent *child; rc == 0 && (child = readdir(folder));) {
    if (strcmp(child->d_name, ".") == 0 || strcmp(child->d_name, "..") == 0) continue;
    char below[PATH_MAX];
    if (snprintf(below, sizeof below, "%s%s%s", path, *path ? "/" : "", child->d_name) >= PATH_MAX) rc = error_text(err, "path too long: %.200s", path);
    else rc = copy_child(copy, from, to, child->d_name, below, err);
  }
  closedir(folder);
  return rc < 0 ? -1 : copy_attributes(from, to, &st, *path ? path : ".", err); /* last: times change with the content */
}

int copy_tree(int from, int to, struct error *err) { return copy_tree_bounded(from, to, 0, err); }

int copy_tree_bounded(int from, int to, unsigned patience, struct error *err) {
  struct copy copy = {.dest = to, .patience = patience};
  int result = copy_folder(&copy, from, to, "", err);
  linked_names_free(&copy.linked);
  return result;
}
