#include "tree_names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "scope.h"
#include "unpack_tar.h"

int entry_errno(struct error *err, const char *syscall, const char *name) {
  char shown[256];
  int saved = errno;
  error_errno(err, syscall, name);
  snprintf(err->text, sizeof err->text, "entry %s: %s: %s", tar_shown(name, shown, sizeof shown), syscall, strerror(saved));
  return -1;
}

int entry_text(struct error *err, const char *name, const char *what) {
  char shown[256];
  return error_text(err, "entry %s: %s", tar_shown(name, shown, sizeof shown), what);
}

int open_below(int at, const char *path, int flags, unsigned long long resolve) {
  struct open_how how = {.flags = (unsigned long long)(flags | O_CLOEXEC), .resolve = resolve | RESOLVE_NO_MAGICLINKS};
  int fd;
  /* EAGAIN: a rename elsewhere on the machine made the kernel unsure about "..". */
  do fd = (int)syscall(SYS_openat2, at, path, &how, sizeof how); while (fd < 0 && errno == EAGAIN);
  return fd;
}

int clean_name(const char *name, char *into, struct error *err) {
  size_t length = 0;
  for (const char *c = name; *c;) {
    size_t part = strcspn(c, "/");
    if (part == 2 && c[0] == '.' && c[1] == '.') return entry_text(err, name, "the name leads out of the layer (..)");
    if (part > 255) { errno = ENAMETOOLONG; return entry_errno(err, "open", name); }
    if (part && !(part == 1 && *c == '.')) {
      if (length) into[length++] = '/';
      memcpy(into + length, c, part);
      length += part;
    }
    c += part + (c[part] == '/');
  }
  into[length] = 0;
  return 0;
}

const char *split_name(const char *name, char *parent) {
  const char *slash = strrchr(name, '/');
  size_t length = slash ? (size_t)(slash - name) : 0;
  memcpy(parent, name, length);
  parent[length] = 0;
  return slash ? slash + 1 : name;
}

int open_through_links(int root, const char *folder, const char *name, struct error *err) {
  int fd = open_below(root, folder, O_RDONLY | O_DIRECTORY, RESOLVE_BENEATH);
  if (fd >= 0 || errno == ENOENT) return fd;
  if (errno != EXDEV) return entry_errno(err, "open", name), -2;
  char prefix[PATH_MAX], target[PATH_MAX];
  for (const char *end = folder; *end; end += *end == '/') {
    end += strcspn(end, "/");
    memcpy(prefix, folder, (size_t)(end - folder));
    prefix[end - folder] = 0;
    fd_auto link = open_below(root, prefix, O_PATH | O_NOFOLLOW, RESOLVE_BENEATH);
    ssize_t n = link < 0 ? -1 : readlinkat(link, "", target, sizeof target - 1);
    if (n <= 0) continue;
    target[n] = 0;
    if (*target != '/') break;
    fd = open_below(root, folder, O_RDONLY | O_DIRECTORY, RESOLVE_IN_ROOT);
    if (fd >= 0) return fd;
    break;
  }
  char shown[256], where[256];
  error_text(err, "entry %s: leads out of the layer through the symlink %s -> %.150s", tar_shown(name, shown, sizeof shown), tar_shown(prefix, where, sizeof where), target);
  return -2;
}

static int remove_content(int parent, const char *base, struct error *err) {
  int fd = openat(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *folder = fd < 0 ? NULL : fdopendir(fd);
  if (!folder) { if (fd >= 0) close(fd); return entry_errno(err, "open", base); }
  int rc = 0;
  for (struct dirent *child; rc == 0 && (child = readdir(folder));)
    if (strcmp(child->d_name, ".") && strcmp(child->d_name, "..")) rc = remove_at(dirfd(folder), child->d_name, err);
  closedir(folder);
  return rc;
}

int remove_at(int parent, const char *base, struct error *err) {
  if (unlinkat(parent, base, 0) == 0 || errno == ENOENT) return 0;
  if (errno != EISDIR) return entry_errno(err, "unlink", base);
  if (remove_content(parent, base, err) < 0) return -1;
  return unlinkat(parent, base, AT_REMOVEDIR) < 0 ? entry_errno(err, "rmdir", base) : 0;
}

static bool is_whiteout(const struct stat *st) { return S_ISCHR(st->st_mode) && st->st_rdev == 0; }

int make_folder(int parent, const char *base, const char *name, struct error *err) {
  bool opaque = false;
  struct stat st;
  if (mkdirat(parent, base, 0755) < 0) {
    if (errno != EEXIST) return entry_errno(err, "mkdir", name);
    if (fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) < 0) return entry_errno(err, "stat", name);
    if (!S_ISDIR(st.st_mode)) {
      /* What the lower layers have there was removed, and must not shine through the new folder. */
      opaque = is_whiteout(&st);
      if (unlinkat(parent, base, 0) < 0 || mkdirat(parent, base, 0755) < 0) return entry_errno(err, "mkdir", name);
    }
  }
  fd_auto fd = openat(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return entry_errno(err, "open", name);
  if (opaque && fsetxattr(fd, OPAQUE, "y", 1, 0) < 0) return entry_errno(err, "setxattr", name);
  return fd_steal(&fd);
}

int make_folders(int root, const char *folder, const char *name, struct error *err) {
  char prefix[PATH_MAX];
  fd_auto at = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (at < 0) return entry_errno(err, "open", name);
  for (const char *start = folder; *start;) {
    const char *end = start + strcspn(start, "/");
    memcpy(prefix, folder, (size_t)(end - folder));
    prefix[end - folder] = 0;
    int next = open_below(root, prefix, O_RDONLY | O_DIRECTORY, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
    if (next < 0 && errno == ELOOP) next = open_through_links(root, prefix, name, err);
    if (next == -2) return -1;
    if (next < 0 && errno != ENOENT && errno != ENOTDIR) return entry_errno(err, "open", name);
    if (next < 0) {
      char base[256];
      memcpy(base, start, (size_t)(end - start));
      base[end - start] = 0;
      struct stat st;
      if (fstatat(at, base, &st, AT_SYMLINK_NOFOLLOW) == 0 && !is_whiteout(&st)) return entry_text(err, name, S_ISLNK(st.st_mode) ? "a symlink above it leads nowhere" : "what is above it is not a folder");
      next = make_folder(at, base, name, err);
      if (next < 0) return -1;
    }
    close(at);
    at = next;
    start = end + (*end == '/');
  }
  return fd_steal(&at);
}
