#include "prune.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scope.h"

static int prune_at(int parent, const char *base, const struct inode_set *kept, bool *left, struct error *err);

/* `left`: something of it stays. */
static int prune_below(int fd, const char *name, const struct inode_set *kept, bool *left, struct error *err) {
  int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
  DIR *folder = copy < 0 ? NULL : fdopendir(copy);
  if (!folder) { if (copy >= 0) close(copy); return error_errno(err, "opendir", name); }
  for (struct dirent *child; rc == 0 && (child = readdir(folder));)
    if (strcmp(child->d_name, ".") && strcmp(child->d_name, "..")) rc = prune_at(fd, child->d_name, kept, left, err);
  closedir(folder);
  return rc;
}

static int prune_at(int parent, const char *base, const struct inode_set *kept, bool *left, struct error *err) {
  struct stat st;
  if (fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) < 0) return errno == ENOENT ? 0 : error_errno(err, "stat", base);
  bool stays = inode_set_has(kept, st.st_dev, st.st_ino);
  if (S_ISDIR(st.st_mode)) {
    fd_auto fd = openat(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return error_errno(err, "open", base);
    if (prune_below(fd, base, kept, &stays, err) < 0) return -1;
  }
  if (stays) { *left = true; return 0; }
  return unlinkat(parent, base, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0 ? error_errno(err, "unlink", base) : 0;
}

int prune(int parent, const char *base, const struct inode_set *kept, struct error *err) {
  bool left = false;
  return base ? prune_at(parent, base, kept, &left, err) : prune_below(parent, ".", kept, &left, err);
}
