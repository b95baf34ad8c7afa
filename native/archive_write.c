#include "archive_write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/limits.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "inroot.h"
#include "layer_xattr.h"
#include "linked_names.h"
#include "scope.h"
#include "tar_writer.h"

#define MQUEUE_MAGIC 0x19800202

struct archive {
  struct tar_writer tar;
  const struct archive_options *options;
  uint64_t mount;               /* of the folder that is archived */
  struct linked_names linked;
};

/* Those that a layer may hold: capabilities and what users set. A file system that has none is none's fault. */
static int add_xattrs(struct archive *archive, int fd, const char *path, struct error *err) {
  static char names[XATTR_LIST_MAX], value[XATTR_SIZE_MAX];
  char key[XATTR_NAME_MAX + 16];
  ssize_t length = flistxattr(fd, names, sizeof names);
  if (length < 0) return errno == EOPNOTSUPP ? 0 : error_errno(err, "listxattr", path);
  for (const char *name = names; name < names + length; name += strlen(name) + 1) {
    if (!layer_xattr_wanted(name)) continue;
    ssize_t size = fgetxattr(fd, name, value, sizeof value);
    if (size < 0 && errno == ENODATA) continue; /* it has gone meanwhile */
    if (size < 0) return error_errno(err, "getxattr", path);
    snprintf(key, sizeof key, "SCHILY.xattr.%.*s", XATTR_NAME_MAX, name);
    if (tar_add_record(&archive->tar, key, value, (size_t)size, err) < 0) return -1;
  }
  return 0;
}

/* As many bytes as were announced: a file that shrinks meanwhile ends in zeros. */
static int put_content(struct archive *archive, int fd, uint64_t size, const char *name, struct error *err) {
  static const char zeros[4096];
  char bytes[65536];
  uint64_t left = size;
  while (left > 0) {
    ssize_t n = read(fd, bytes, left < sizeof bytes ? (size_t)left : sizeof bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return error_errno(err, "read", name);
    if (n == 0) break;
    if (tar_put(&archive->tar, bytes, (size_t)n, err) < 0) return -1;
    left -= (uint64_t)n;
  }
  for (; left > 0; left -= left < sizeof zeros ? left : sizeof zeros)
    if (tar_put(&archive->tar, zeros, left < sizeof zeros ? (size_t)left : sizeof zeros, err) < 0) return -1;
  return tar_put_padding(&archive->tar, size, err);
}

static uint64_t mount_of(int fd, const char *name) {
  struct statx stx;
  return statx(fd, name, AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH), STATX_MNT_ID, &stx) < 0 ? 0 : stx.stx_mnt_id;
}

static int put_file(struct archive *archive, int parent, const char *base, const char *name, struct error *err) {
  struct stat st;
  /* A fifo that took its place meanwhile must not hold us up. */
  fd_auto fd = openat(parent, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT || errno == ELOOP || errno == ENXIO ? 0 : error_errno(err, "open", name); /* ENXIO: a socket took its place */
  if (fstat(fd, &st) < 0) return error_errno(err, "stat", name);
  if (!S_ISREG(st.st_mode)) return 0;
  if (st.st_nlink > 1) {
    const char *former = NULL;
    if (linked_names_find(&archive->linked, mount_of(fd, ""), &st, name, &former, err) < 0) return -1;
    if (former) return tar_put_header(&archive->tar, '1', name, former, &st, 0, err);
  }
  if (add_xattrs(archive, fd, name, err) < 0 || tar_put_header(&archive->tar, '0', name, NULL, &st, (uint64_t)st.st_size, err) < 0) return -1;
  return put_content(archive, fd, (uint64_t)st.st_size, name, err);
}

static int put_link(struct archive *archive, int parent, const char *base, const char *name, const struct stat *st, struct error *err) {
  char target[PATH_MAX];
  ssize_t n = readlinkat(parent, base, target, sizeof target - 1);
  if (n < 0) return errno == ENOENT || errno == EINVAL ? 0 : error_errno(err, "readlink", name);
  target[n] = 0;
  return tar_put_header(&archive->tar, '2', name, target, st, 0, err);
}

/* Kernel interfaces are not what a container holds. */
static bool is_interface(int fd) {
  struct statfs fs;
  if (fstatfs(fd, &fs) < 0) return false;
  switch ((unsigned long)fs.f_type) {
    case PROC_SUPER_MAGIC: case SYSFS_MAGIC: case CGROUP_SUPER_MAGIC: case CGROUP2_SUPER_MAGIC: case DEVPTS_SUPER_MAGIC: case MQUEUE_MAGIC: return true;
    default: return false;
  }
}

static int put_entry(struct archive *archive, int parent, const char *base, const char *name, struct error *err);

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void free_names(char **names, size_t count) {
  for (size_t i = 0; i < count; i++) free(names[i]);
  free(names);
}

/* Names of a folder in the order of their bytes; their number, or -1. */
static ssize_t list(int fd, const char *name, char ***names, struct error *err) {
  int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *folder = copy < 0 ? NULL : fdopendir(copy);
  if (!folder) { if (copy >= 0) close(copy); return error_errno(err, "opendir", name); }
  size_t count = 0, room = 0;
  *names = NULL;
  for (struct dirent *child; (child = readdir(folder));) {
    if (strcmp(child->d_name, ".") == 0 || strcmp(child->d_name, "..") == 0) continue;
    if (count == room) {
      char **grown = realloc(*names, (room = room ? room * 2 : 64) * sizeof *grown);
      if (!grown) { closedir(folder); free_names(*names, count); return error_text(err, "out of memory"); }
      *names = grown;
    }
    if (!((*names)[count++] = strdup(child->d_name))) { closedir(folder); free_names(*names, count - 1); return error_text(err, "out of memory"); }
  }
  closedir(folder);
  if (count) qsort(*names, count, sizeof **names, by_name);
  return (ssize_t)count;
}

static int put_below(struct archive *archive, int fd, const char *name, struct error *err) {
  char **names = NULL, below[PATH_MAX];
  ssize_t count = list(fd, name, &names, err);
  int rc = count < 0 ? -1 : 0;
  size_t length = strlen(name);
  const char *slash = length == 0 || name[length - 1] == '/' ? "" : "/";
  for (ssize_t i = 0; rc == 0 && i < count; i++) {
    if (snprintf(below, sizeof below, "%s%s%s", name, slash, names[i]) >= (int)sizeof below) rc = error_text(err, "the name %.100s… is too long for an archive", name);
    else rc = put_entry(archive, fd, names[i], below, err);
  }
  if (count >= 0) free_names(names, (size_t)count);
  return rc;
}

static int put_whiteout(struct archive *archive, const char *name, const char *what, struct error *err) {
  char full[PATH_MAX + 16];
  const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
  struct stat st = {0};
  snprintf(full, sizeof full, "%.*s.wh.%s", (int)(base - name), name, what ? what : base);
  return tar_put_header(&archive->tar, '0', full, NULL, &st, 0, err);
}

static int put_folder(struct archive *archive, int parent, const char *base, const char *name, bool descend, struct error *err) {
  struct stat st;
  char full[PATH_MAX + 2], opaque[2];
  fd_auto fd = openat(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : error_errno(err, "open", name);
  if (fstat(fd, &st) < 0) return error_errno(err, "stat", name);
  size_t length = strlen(name);
  snprintf(full, sizeof full, "%s%s", name, length == 0 || name[length - 1] == '/' ? "" : "/");
  if (*full && (add_xattrs(archive, fd, name, err) < 0 || tar_put_header(&archive->tar, '5', full, NULL, &st, 0, err) < 0)) return -1;
  if (archive->options->layer && *full && fgetxattr(fd, "trusted.overlay.opaque", opaque, sizeof opaque) == 1 && *opaque == 'y' && put_whiteout(archive, full, ".wh..opq", err) < 0) return -1;
  return descend ? put_below(archive, fd, name, err) : 0;
}

/* What is mounted there is not the container's own: the place it lies on is. */
static int put_place(struct archive *archive, const char *name, const struct stat *there, struct error *err) {
  struct stat st = {.st_mode = S_ISDIR(there->st_mode) ? 0755 : 0644, .st_mtime = there->st_mtime};
  char full[PATH_MAX + 2];
  snprintf(full, sizeof full, "%s%s", name, S_ISDIR(there->st_mode) ? "/" : "");
  return tar_put_header(&archive->tar, S_ISDIR(there->st_mode) ? '5' : '0', full, NULL, &st, 0, err);
}

static int put_entry(struct archive *archive, int parent, const char *base, const char *name, struct error *err) {
  struct stat st;
  if (fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) < 0) return errno == ENOENT ? 0 : error_errno(err, "stat", name);
  bool mounted = archive->mount && mount_of(parent, base) != archive->mount;
  if (mounted && archive->options->one_mount) return put_place(archive, name, &st, err);
  if (archive->options->layer && S_ISCHR(st.st_mode) && st.st_rdev == 0) return put_whiteout(archive, name, NULL, err);
  switch (st.st_mode & S_IFMT) {
    case S_IFDIR: {
      fd_auto fd = mounted ? openat(parent, base, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
      return put_folder(archive, parent, base, name, !archive->options->shallow && (fd < 0 || !is_interface(fd)), err);
    }
    case S_IFREG: return put_file(archive, parent, base, name, err);
    case S_IFLNK: return put_link(archive, parent, base, name, &st, err);
    case S_IFCHR: return tar_put_header(&archive->tar, '3', name, NULL, &st, 0, err);
    case S_IFBLK: return tar_put_header(&archive->tar, '4', name, NULL, &st, 0, err);
    case S_IFIFO: return tar_put_header(&archive->tar, '6', name, NULL, &st, 0, err);
    default: return 0; /* a socket: nothing of it would be left in an archive */
  }
}

static int write_all(struct archive *archive, int root, struct error *err) {
  const char *path = archive->options->path, *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
  char above[PATH_MAX];
  bool whole = !*base || strcmp(base, ".") == 0 || strcmp(base, "..") == 0;
  snprintf(above, sizeof above, "%.*s", whole ? (int)strlen(path) : (int)(base - path), path);
  fd_auto parent = inroot_open(root, *above ? above : ".", O_PATH | O_DIRECTORY);
  if (parent < 0) return error_errno(err, "open", path);
  if (whole) base = ".";
  archive->mount = mount_of(parent, base);
  int rc = whole ? put_folder(archive, parent, base, archive->options->name, true, err) : put_entry(archive, parent, base, archive->options->name, err);
  return rc < 0 ? -1 : tar_put_end(&archive->tar, err);
}

static int write_changes(struct archive *archive, int root, FILE *changes, struct error *err) {
  char line[PATH_MAX + 16];
  for (;;) {
    size_t length = 0;
    int c;
    while ((c = getc(changes)) != EOF && c != 0 && length < sizeof line - 1) line[length++] = (char)c;
    if (c == EOF && length == 0) break;
    line[length] = 0;
    if (c != 0 || length < 3 || line[1] != '/') return error_text(err, "the list of changes is not what \"changes\" prints");
    char *name = line + 2, *slash = strrchr(line, '/');
    *slash = 0;
    fd_auto parent = inroot_open_beneath(root, slash == line + 1 ? "." : name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (parent < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP) return error_errno(err, "open", name);
    *slash = '/';
    if (parent < 0) continue; /* it has gone meanwhile */
    if ((*line == 'D' ? put_whiteout(archive, name, NULL, err) : put_entry(archive, parent, slash + 1, name, err)) < 0) return -1;
  }
  return tar_put_end(&archive->tar, err);
}

static int finish(struct archive *archive, int rc) {
  linked_names_free(&archive->linked);
  free(archive);
  return rc;
}

static struct archive *begin(const struct archive_options *options, int out, struct error *err) {
  struct archive *archive = calloc(1, sizeof *archive);
  if (!archive) { error_text(err, "out of memory"); return NULL; }
  archive->tar.out = out;
  archive->tar.users = options->users;
  archive->options = options;
  return archive;
}

int archive_write_changes(int root, FILE *changes, int out, struct error *err) {
  static const struct archive_options options = {.path = ".", .name = "", .shallow = true};
  struct archive *archive = begin(&options, out, err);
  return archive ? finish(archive, write_changes(archive, root, changes, err)) : -1;
}

int archive_write(int root, const struct archive_options *options, int out, struct error *err) {
  struct archive *archive = begin(options, out, err);
  return archive ? finish(archive, write_all(archive, root, err)) : -1;
}
