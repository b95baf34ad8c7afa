#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena.h"
#include "compare_trees.h"
#include "core.h"
#include "deep_tree.h"
#include "inroot.h"
#include "mapping.h"
#include "scope.h"

enum { LAYERS = 500 };
struct lower { int fds[LAYERS]; int count; struct mappings users; };

/* What the layers show at a path, highest first. */
static bool find(const struct lower *lower, const char *path, struct stat *st) {
  for (int i = lower->count - 1; i >= 0; i--) {
    fd_auto fd = inroot_open(lower->fds[i], path, O_PATH | O_NOFOLLOW);
    if (fd >= 0 && fstat(fd, st) == 0) return !(S_ISCHR(st->st_mode) && st->st_rdev == 0);
  }
  return false;
}

/* `a` is of the upper folder, as a container with these users has written it. */
static bool same_folder(const struct stat *a, const struct stat *b, const struct mappings *users) {
  uint32_t uid = mapping_inside(users->uids, users->uid_count, a->st_uid), gid = mapping_inside(users->gids, users->gid_count, a->st_gid);
  return S_ISDIR(a->st_mode) && S_ISDIR(b->st_mode) && a->st_mode == b->st_mode && uid == b->st_uid && gid == b->st_gid && a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int walk(int parent, const char *base, const char *path, const struct lower *lower, struct error *err);

static int walk_below(int fd, const char *path, const struct lower *lower, struct error *err) {
  char below[PATH_MAX];
  int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
  DIR *folder = copy < 0 ? NULL : fdopendir(copy);
  if (!folder) { if (copy >= 0) close(copy); return error_errno(err, "opendir", path); }
  for (struct dirent *child; rc == 0 && (child = readdir(folder));) {
    if (strcmp(child->d_name, ".") == 0 || strcmp(child->d_name, "..") == 0) continue;
    if (snprintf(below, sizeof below, "%s/%s", path, child->d_name) >= (int)sizeof below) rc = error_text(err, "the name %.100s… is too long", path);
    else rc = walk(fd, child->d_name, below, lower, err);
  }
  closedir(folder);
  return rc;
}

/* KIND PATH NUL, where KIND is C (changed), A (added) or D (deleted). */
static int walk(int parent, const char *base, const char *path, const struct lower *lower, struct error *err) {
  struct stat st, before;
  if (fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) < 0) return errno == ENOENT ? 0 : error_errno(err, "stat", path);
  bool whiteout = S_ISCHR(st.st_mode) && st.st_rdev == 0, there = find(lower, path, &before);
  if (whiteout) {
    if (there) printf("D%s%c", path, 0);
    return 0;
  }
  if (!there || !same_folder(&st, &before, &lower->users)) printf("%c%s%c", there ? 'C' : 'A', path, 0);
  if (!S_ISDIR(st.st_mode)) return 0;
  fd_auto fd = openat(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT || errno == ELOOP || errno == ENOTDIR ? 0 : error_errno(err, "open", path);
  return walk_below(fd, path, lower, err);
}

static int run(int argc, char **argv, struct error *err) {
  struct lower lower = {.count = 0};
  int upper = -1, tree = -1, base = -1, rc = 0;
  for (int i = 1; rc == 0 && i + 1 < argc; i += 2) {
    bool uids = strcmp(argv[i], "--uids") == 0;
    if (uids || strcmp(argv[i], "--gids") == 0) {
      rc = uids ? mapping_parse(argv[i + 1], &lower.users.uids, &lower.users.uid_count, err) : mapping_parse(argv[i + 1], &lower.users.gids, &lower.users.gid_count, err);
      continue;
    }
    int fd = open(argv[i + 1], O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) rc = error_errno(err, "open", argv[i + 1]);
    else if (strcmp(argv[i], "--upper") == 0) upper = fd;
    else if (strcmp(argv[i], "--tree") == 0) tree = fd;
    else if (strcmp(argv[i], "--base") == 0) base = fd;
    else if (lower.count < LAYERS) lower.fds[lower.count++] = fd;
    else rc = error_text(err, "more than %d layers", LAYERS);
  }
  bool whole = tree >= 0 && base >= 0 && upper < 0 && lower.count == 0;
  if (rc == 0 && upper < 0 && !whole) rc = error_text(err, "usage: bayplan-core changes --upper DIR [--layer DIR …] [--uids INSIDE:OUTSIDE:SIZE[,…] --gids …], or --tree DIR --base DIR");
  if (rc == 0) rc = whole ? compare_trees(tree, base, err) : walk_below(upper, "", &lower, err);
  if (rc == 0 && fflush(stdout) != 0) rc = error_errno(err, "write", "stdout");
  return rc; /* the descriptors go with the process */
}

int cmd_changes(int argc, char **argv) {
  struct error err = {0};
  deep_tree_prepare();
  arena_open();
  if (run(argc, argv, &err) == 0) return 0;
  error_write(2, &err);
  return 1;
}
