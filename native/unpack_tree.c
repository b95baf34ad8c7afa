#include "unpack_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "layer_xattr.h"
#include "prune.h"
#include "scope.h"
#include "tree_names.h"

struct folder_time { char *name; struct timespec mtime; };

struct tree {
  int root;
  /* The folder that the last entry stood in: most entries stand beside the one before. -1: none. It cannot go while it is remembered: only an
     entry that stands elsewhere could replace it. */
  int parent;
  char parent_name[PATH_MAX];
  struct folder_time *times;
  size_t time_count, time_room;
  bool merging;
  struct tree_merge merge;
  bool whole;
  struct inode_set added; /* by this layer, where it lies on a copy of those below it */
};

static void forget_parent(struct tree *tree) {
  if (tree->parent >= 0) close(tree->parent);
  tree->parent = -1;
}

/* Refuses at once what the disk cannot hold: a few compressed bytes may announce more than there is, and what runs here needs the rest. */
static int check_room(struct tree *tree, const struct tar_entry *entry, struct error *err) {
  enum { SMALL = 1 << 20 };
  struct statvfs disk;
  if (entry->size < SMALL || fstatvfs(tree->root, &disk) < 0 || entry->size / disk.f_frsize < disk.f_bavail) return 0;
  errno = ENOSPC;
  return entry_errno(err, "write", entry->name);
}

/* Descriptor of the folder that an entry stands in, made where missing; it is the tree's own. -1 on failure. */
static int parent_of(struct tree *tree, const char *folder, const char *name, struct error *err) {
  if (tree->parent >= 0 && strcmp(folder, tree->parent_name) == 0) return tree->parent;
  int fd = *folder ? open_below(tree->root, folder, O_RDONLY | O_DIRECTORY, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS) : openat(tree->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 && errno != ENOENT && errno != ELOOP && errno != ENOTDIR) return entry_errno(err, "open", name);
  if (fd < 0) fd = make_folders(tree->root, folder, name, err);
  if (fd < 0) return -1;
  forget_parent(tree);
  tree->parent = fd;
  strcpy(tree->parent_name, folder);
  return fd;
}

static int set_attributes(int fd, const struct tar_entry *entry, struct error *err) {
  /* Owner first: the kernel takes setuid and capabilities away from a file that changes hands. */
  if (fchown(fd, entry->uid, entry->gid) < 0) return entry_errno(err, "chown", entry->name);
  if (fchmod(fd, entry->mode) < 0) return entry_errno(err, "chmod", entry->name);
  for (size_t i = 0; i < entry->xattr_count; i++) {
    if (!layer_xattr_wanted(entry->xattrs[i].name)) continue;
    if (fsetxattr(fd, entry->xattrs[i].name, entry->xattrs[i].value, entry->xattrs[i].size, 0) < 0) return entry_errno(err, "setxattr", entry->name);
  }
  struct timespec times[2] = {entry->mtime, entry->mtime};
  if (entry->type != '5' && futimens(fd, times) < 0) return entry_errno(err, "utimens", entry->name);
  return 0;
}

/* For what has no descriptor that may be written through: links, devices, fifos. */
static int set_attributes_at(int parent, const char *base, const struct tar_entry *entry, struct error *err) {
  if (fchownat(parent, base, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW) < 0) return entry_errno(err, "chown", entry->name);
  if (entry->type != '2' && fchmodat(parent, base, entry->mode, 0) < 0) return entry_errno(err, "chmod", entry->name);
  struct timespec times[2] = {entry->mtime, entry->mtime};
  return utimensat(parent, base, times, AT_SYMLINK_NOFOLLOW) < 0 ? entry_errno(err, "utimens", entry->name) : 0;
}

static int write_content(int fd, const struct tar_entry *entry, struct stream *stream, struct error *err) {
  for (uint64_t left = entry->size; left > 0;) {
    const uint8_t *bytes;
    long n = stream_take(stream, left > 1 << 20 ? 1 << 20 : (size_t)left, &bytes, err);
    if (n < 0) return -1;
    if (n == 0) return entry_text(err, entry->name, "its content is cut off: the layer's tar archive is truncated");
    left -= (uint64_t)n;
    while (n > 0) {
      ssize_t written = write(fd, bytes, (size_t)n);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return entry_errno(err, "write", entry->name);
      bytes += written;
      n -= written;
    }
  }
  return 0;
}

static int add_file(int parent, const char *base, const struct tar_entry *entry, struct stream *stream, struct error *err) {
  enum { FLAGS = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC };
  fd_auto fd = openat(parent, base, FLAGS, 0600);
  if (fd < 0 && errno == EEXIST) {
    if (remove_at(parent, base, err) < 0) return -1;
    fd = openat(parent, base, FLAGS, 0600);
  }
  if (fd < 0) return entry_errno(err, "open", entry->name);
  return write_content(fd, entry, stream, err) < 0 ? -1 : set_attributes(fd, entry, err);
}

static int remember_time(struct tree *tree, const char *name, struct timespec mtime, struct error *err) {
  if (tree->time_count == tree->time_room) {
    size_t room = tree->time_room ? tree->time_room * 2 : 256;
    struct folder_time *grown = realloc(tree->times, room * sizeof *grown);
    if (!grown) return error_text(err, "out of memory");
    tree->times = grown;
    tree->time_room = room;
  }
  char *copy = strdup(name);
  if (!copy) return error_text(err, "out of memory");
  tree->times[tree->time_count++] = (struct folder_time){copy, mtime};
  return 0;
}

static int add_folder(struct tree *tree, int parent, const char *base, const char *clean, const struct tar_entry *entry, struct error *err) {
  fd_auto fd = *clean ? make_folder(parent, base, entry->name, err) : openat(tree->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return *clean ? -1 : entry_errno(err, "open", entry->name);
  return set_attributes(fd, entry, err) < 0 ? -1 : remember_time(tree, clean, entry->mtime, err);
}

/* The target of a hard link is a name in the archive. */
static int add_hard_link(struct tree *tree, int parent, const char *base, const struct tar_entry *entry, struct error *err) {
  char target[PATH_MAX], folder[PATH_MAX], shown[256];
  if (clean_name(entry->target, target, err) < 0) return -1;
  const char *target_base = split_name(target, folder);
  if (!*target) return entry_text(err, entry->name, "a hard link to the layer's own folder cannot be");
  fd_auto from = *folder ? open_below(tree->root, folder, O_RDONLY | O_DIRECTORY, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS) : openat(tree->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (from < 0 && errno == ELOOP) from = open_through_links(tree->root, folder, entry->name, err);
  if (from == -2) return -1;
  struct stat source, there;
  if (from < 0 || fstatat(from, target_base, &source, AT_SYMLINK_NOFOLLOW) < 0) {
    char where[256];
    return error_text(err, "entry %s: hard link to %s, which the layer does not have", tar_shown(entry->name, shown, sizeof shown), tar_shown(entry->target, where, sizeof where));
  }
  if (S_ISDIR(source.st_mode)) return entry_text(err, entry->name, "a hard link to a folder cannot be");
  if (fstatat(parent, base, &there, AT_SYMLINK_NOFOLLOW) == 0 && there.st_dev == source.st_dev && there.st_ino == source.st_ino) return 0;
  if (linkat(from, target_base, parent, base, 0) == 0) return 0;
  if (errno != EEXIST) return entry_errno(err, "link", entry->name);
  if (remove_at(parent, base, err) < 0) return -1;
  return linkat(from, target_base, parent, base, 0) < 0 ? entry_errno(err, "link", entry->name) : 0;
}

static int make_special(int parent, const char *base, const struct tar_entry *entry) {
  switch (entry->type) {
    case '2': return symlinkat(entry->target, parent, base);
    case '3': return mknodat(parent, base, S_IFCHR | 0600, makedev(entry->major, entry->minor));
    case '4': return mknodat(parent, base, S_IFBLK | 0600, makedev(entry->major, entry->minor));
    default: return mkfifoat(parent, base, 0600);
  }
}

static int add_special(int parent, const char *base, const struct tar_entry *entry, struct error *err) {
  const char *what = entry->type == '2' ? "symlink" : "mknod";
  if (make_special(parent, base, entry) < 0) {
    if (errno != EEXIST) return entry_errno(err, what, entry->name);
    if (remove_at(parent, base, err) < 0) return -1;
    if (make_special(parent, base, entry) < 0) return entry_errno(err, what, entry->name);
  }
  return set_attributes_at(parent, base, entry, err);
}

/* `.wh.NAME`, OCI image spec, layer.md "Whiteouts": about the layers below only, so what this layer itself has under that name stays. */
static int add_whiteout(int parent, const char *base, const struct tar_entry *entry, struct error *err) {
  if (strcmp(base, ".wh..opq") == 0) return fsetxattr(parent, OPAQUE, "y", 1, 0) < 0 ? entry_errno(err, "setxattr", entry->name) : 0;
  if (strncmp(base, ".wh.", 4) == 0) return 0; /* `.wh..wh.*`: aufs' own bookkeeping */
  if (!*base || strcmp(base, ".") == 0 || strcmp(base, "..") == 0) return entry_text(err, entry->name, "a whiteout without a name");
  if (mknodat(parent, base, S_IFCHR, 0) == 0) return 0;
  struct stat st;
  if (errno != EEXIST || fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) < 0) return entry_errno(err, "mknod", entry->name);
  if (!S_ISDIR(st.st_mode)) return 0;
  fd_auto fd = openat(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  return fd < 0 || fsetxattr(fd, OPAQUE, "y", 1, 0) < 0 ? entry_errno(err, "setxattr", entry->name) : 0;
}

/* The same where what the layers below have is there to be taken away. */
static int apply_whiteout(struct tree *tree, int parent, const char *base, const struct tar_entry *entry, struct error *err) {
  if (strcmp(base, ".wh..opq") == 0) return prune(parent, NULL, &tree->added, err);
  if (strncmp(base, ".wh.", 4) == 0) return 0;
  if (!*base || strcmp(base, ".") == 0 || strcmp(base, "..") == 0) return entry_text(err, entry->name, "a whiteout without a name");
  return prune(parent, base, &tree->added, err);
}

static int remember_added(struct tree *tree, int parent, const char *base, struct error *err) {
  struct stat st;
  if (fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) < 0) return entry_errno(err, "stat", base);
  return inode_set_add(&tree->added, st.st_dev, st.st_ino) < 0 ? error_text(err, "out of memory") : 0;
}

void tree_whole(struct tree *tree) { tree->whole = true; }

void tree_merge(struct tree *tree, const struct tree_merge *merge) {
  tree->merging = true;
  tree->merge = *merge;
}

static int check_kind(const struct tree *tree, int parent, const char *base, const struct tar_entry *entry, struct error *err) {
  struct stat st;
  if (!tree->merge.keep_kinds || fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(st.st_mode) == (entry->type == '5')) return 0;
  errno = S_ISDIR(st.st_mode) ? EISDIR : ENOTDIR;
  error_errno(err, "open", entry->name);
  snprintf(err->text, sizeof err->text, "cannot overwrite %s \"%.300s\" with %s", S_ISDIR(st.st_mode) ? "directory" : "non-directory", entry->name, S_ISDIR(st.st_mode) ? "non-directory" : "directory");
  return -1;
}

static int add_at(struct tree *tree, int parent, const char *base, const char *clean, const struct tar_entry *entry, struct stream *stream, struct error *err) {
  switch (entry->type) {
    case '0': return add_file(parent, base, entry, stream, err);
    case '1': return add_hard_link(tree, parent, base, entry, err);
    case '5': return add_folder(tree, parent, base, clean, entry, err);
    default: return add_special(parent, base, entry, err);
  }
}

static int merge_at(struct tree *tree, int parent, const char *base, const char *clean, const struct tar_entry *entry, struct stream *stream, struct error *err) {
  if (check_kind(tree, parent, base, entry, err) < 0) return -1;
  if (!tree->merge.owned) return add_at(tree, parent, base, clean, entry, stream, err);
  struct tar_entry *own = malloc(sizeof *own);
  if (!own) return error_text(err, "out of memory");
  *own = *entry;
  own->uid = tree->merge.uid;
  own->gid = tree->merge.gid;
  int rc = add_at(tree, parent, base, clean, own, stream, err);
  free(own);
  return rc;
}

int tree_add(struct tree *tree, const struct tar_entry *entry, struct stream *stream, struct error *err) {
  char clean[PATH_MAX], folder[PATH_MAX];
  if (clean_name(entry->name, clean, err) < 0) return -1;
  const char *base = split_name(clean, folder);
  if (check_room(tree, entry, err) < 0) return -1;
  if (!*clean && entry->type != '5') return entry_text(err, entry->name, "the layer's own folder cannot be anything but a folder");
  int parent = parent_of(tree, folder, entry->name, err);
  if (parent < 0) return -1;
  if (tree->merging) return merge_at(tree, parent, base, clean, entry, stream, err);
  if (strncmp(base, ".wh.", 4) == 0) {
    if (stream_skip(stream, entry->size, err) < 0) return -1;
    return tree->whole ? apply_whiteout(tree, parent, base + 4, entry, err) : add_whiteout(parent, base + 4, entry, err);
  }
  if (add_at(tree, parent, base, clean, entry, stream, err) < 0) return -1;
  return tree->whole && *clean ? remember_added(tree, parent, base, err) : 0;
}

int tree_finish(struct tree *tree, struct error *err) {
  for (size_t i = 0; i < tree->time_count; i++) {
    const struct folder_time *time = &tree->times[i];
    struct timespec times[2] = {time->mtime, time->mtime};
    fd_auto fd = open_below(tree->root, *time->name ? time->name : ".", O_RDONLY | O_DIRECTORY, RESOLVE_IN_ROOT);
    /* A later entry may have taken the folder's place. */
    if (fd >= 0 && futimens(fd, times) < 0) return entry_errno(err, "utimens", time->name);
  }
  return 0;
}

int tree_sync(struct tree *tree, struct error *err) {
  return syncfs(tree->root) < 0 ? error_errno(err, "syncfs", "the layer's folder") : 0;
}

struct tree *tree_open(const char *path, struct error *err) {
  struct tree *tree = calloc(1, sizeof *tree);
  if (!tree) { error_text(err, "out of memory"); return NULL; }
  tree->parent = -1;
  tree->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (tree->root < 0) {
    error_errno(err, "open", path);
    free(tree);
    return NULL;
  }
  return tree;
}

void tree_close(struct tree *tree) {
  if (!tree) return;
  forget_parent(tree);
  close(tree->root);
  for (size_t i = 0; i < tree->time_count; i++) free(tree->times[i].name);
  free(tree->times);
  inode_set_free(&tree->added);
  free(tree);
}
