#include "compare_trees.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "layer_xattr.h"
#include "scope.h"

/* Name by which a call without an `at` form reaches a file, its last link not followed. */
static const char *name_of(int folder, const char *base, char *text, size_t size) {
  return snprintf(text, size, "/proc/self/fd/%d/%s", folder, base) < (int)size ? text : NULL;
}

/* Number of the wanted attributes of one file that the other one has too, with the same value; `count` gets how many are wanted at all. */
static int shared_xattrs(const char *a, const char *b, int *count) {
  char names[16384], one[4096], other[4096];
  int shared = 0;
  *count = 0;
  ssize_t length = llistxattr(a, names, sizeof names);
  for (const char *name = names; length > 0 && name < names + length; name += strlen(name) + 1) {
    if (!layer_xattr_wanted(name)) continue;
    ++*count;
    ssize_t n = lgetxattr(a, name, one, sizeof one), m = lgetxattr(b, name, other, sizeof other);
    if (n >= 0 && n == m && memcmp(one, other, (size_t)n) == 0) shared++;
  }
  return shared;
}

static bool same_xattrs(int tree, int base, const char *name) {
  char a[PATH_MAX], b[PATH_MAX];
  int ours, theirs;
  if (!name_of(tree, name, a, sizeof a) || !name_of(base, name, b, sizeof b)) return false;
  return shared_xattrs(a, b, &ours) == ours && shared_xattrs(b, a, &theirs) == theirs;
}

static bool same_link(int tree, int base, const char *name) {
  char a[PATH_MAX], b[PATH_MAX];
  ssize_t n = readlinkat(tree, name, a, sizeof a), m = readlinkat(base, name, b, sizeof b);
  return n >= 0 && n == m && memcmp(a, b, (size_t)n) == 0;
}

static bool same(int tree, int base, const char *name, const struct stat *a, const struct stat *b) {
  if (a->st_mode != b->st_mode || a->st_uid != b->st_uid || a->st_gid != b->st_gid) return false;
  if (a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec) return false;
  if (!S_ISDIR(a->st_mode) && (a->st_size != b->st_size || a->st_rdev != b->st_rdev)) return false;
  return S_ISLNK(a->st_mode) ? same_link(tree, base, name) : same_xattrs(tree, base, name);
}

static int compare(int tree, int base, const char *path, struct error *err);

static int open_folder(int parent, const char *name) { return parent < 0 ? -1 : openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); }

/* One name of the tree's. `base` -1: the folder it is in is new. */
static int compare_name(int tree, int base, const char *name, const char *path, struct error *err) {
  struct stat st, before;
  if (fstatat(tree, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return errno == ENOENT ? 0 : error_errno(err, "stat", path);
  bool there = base >= 0 && fstatat(base, name, &before, AT_SYMLINK_NOFOLLOW) == 0;
  if (!there || !same(tree, base, name, &st, &before)) printf("%c%s%c", there ? 'C' : 'A', path, 0);
  if (!S_ISDIR(st.st_mode)) return 0;
  fd_auto inner = open_folder(tree, name);
  fd_auto former = there && S_ISDIR(before.st_mode) ? open_folder(base, name) : -1;
  return inner < 0 ? 0 : compare(inner, former, path, err); /* it has gone meanwhile */
}

/* Calls for each name of a folder: of the tree with `gone` false, of the base with `gone` true, where what the tree lacks is told. */
static int each(int tree, int base, bool gone, const char *path, struct error *err) {
  char below[PATH_MAX];
  struct stat st;
  int copy = openat(gone ? base : tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
  DIR *folder = copy < 0 ? NULL : fdopendir(copy);
  if (!folder) { if (copy >= 0) close(copy); return error_errno(err, "opendir", path); }
  for (struct dirent *child; rc == 0 && (child = readdir(folder));) {
    if (strcmp(child->d_name, ".") == 0 || strcmp(child->d_name, "..") == 0) continue;
    if (snprintf(below, sizeof below, "%s/%s", path, child->d_name) >= (int)sizeof below) rc = error_text(err, "the name %.100s… is too long", path);
    else if (!gone) rc = compare_name(tree, base, child->d_name, below, err);
    else if (fstatat(tree, child->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT) printf("D%s%c", below, 0);
  }
  closedir(folder);
  return rc;
}

static int compare(int tree, int base, const char *path, struct error *err) {
  if (each(tree, base, false, path, err) < 0) return -1;
  return base < 0 ? 0 : each(tree, base, true, path, err);
}

int compare_trees(int tree, int base, struct error *err) { return compare(tree, base, "", err); }
