#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "arena.h"
#include "core.h"
#include "deep_tree.h"
#include "inode_set.h"
#include "mapping.h"
#include "scope.h"

/* Gives all that lies in a folder, itself included, from the users of one namespace to those of another. */

struct shift {
  struct mappings from, to;
  bool check;              /* whether it can be done, and no more */
  struct inode_set linked; /* files of several names that have been given: a second name must not give them once more */
};

static bool covers(const struct mapping *list, size_t count, uint32_t outside) {
  for (size_t i = 0; i < count; i++) if (outside >= list[i].host && outside - list[i].host < list[i].size) return true;
  return false;
}

/* Whom an id becomes; false: nobody, `inside` says who it is to its container. One that is the new users' own, and not the former ones', was given by a run that did not come to its end. */
static bool become(const struct mapping *from, size_t from_count, const struct mapping *to, size_t to_count, uint32_t id, uint32_t *inside, uint32_t *outside) {
  *inside = mapping_inside(from, from_count, id);
  *outside = id;
  bool given = !covers(from, from_count, id) && (to_count == 0 || covers(to, to_count, id));
  return given || mapping_outside(to, to_count, *inside, outside);
}

static bool read_options(int argc, char **argv, const char **folder, struct shift *shift, struct error *err) {
  static const struct option options[] = {
    {"folder", required_argument, NULL, 'f'}, {"from-uids", required_argument, NULL, 'u'}, {"from-gids", required_argument, NULL, 'g'}, {"to-uids", required_argument, NULL, 'U'}, {"to-gids", required_argument, NULL, 'G'}, {"check", no_argument, NULL, 'c'}, {0},
  };
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (option) {
    case 'f': *folder = optarg; break;
    case 'u': if (mapping_parse(optarg, &shift->from.uids, &shift->from.uid_count, err) < 0) return false; break;
    case 'g': if (mapping_parse(optarg, &shift->from.gids, &shift->from.gid_count, err) < 0) return false; break;
    case 'U': if (mapping_parse(optarg, &shift->to.uids, &shift->to.uid_count, err) < 0) return false; break;
    case 'G': if (mapping_parse(optarg, &shift->to.gids, &shift->to.gid_count, err) < 0) return false; break;
    case 'c': shift->check = true; break;
    default: return false;
  }
  return optind == argc && *folder;
}

/* chown(2) takes set-user-ID bits and file capabilities away. */
static int give(int parent, const char *base, const struct stat *st, const struct shift *shift, struct error *err) {
  uint32_t uid, gid, inside_uid, inside_gid;
  char name[300], capability[64];
  bool users = become(shift->from.uids, shift->from.uid_count, shift->to.uids, shift->to.uid_count, st->st_uid, &inside_uid, &uid);
  bool groups = become(shift->from.gids, shift->from.gid_count, shift->to.gids, shift->to.gid_count, st->st_gid, &inside_gid, &gid);
  if (!users || !groups)
    return error_text(err, "%s: its owner %u:%u has no mapping in the user namespace", base, inside_uid, inside_gid);
  if (shift->check || (uid == st->st_uid && gid == st->st_gid)) return 0;
  bool file = S_ISREG(st->st_mode);
  snprintf(name, sizeof name, "/proc/self/fd/%d/%s", parent, base);
  ssize_t length = file ? lgetxattr(name, "security.capability", capability, sizeof capability) : -1;
  if (fchownat(parent, base, uid, gid, AT_SYMLINK_NOFOLLOW) < 0) return error_errno(err, "chown", base);
  if (file && st->st_mode & (S_ISUID | S_ISGID) && fchmodat(parent, base, st->st_mode & 07777, 0) < 0) return error_errno(err, "chmod", base);
  return length > 0 && lsetxattr(name, "security.capability", capability, (size_t)length, 0) < 0 ? error_errno(err, "setxattr", base) : 0;
}

static int walk(int parent, const char *base, struct shift *shift, struct error *err) {
  struct stat st;
  if (fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) < 0) return error_errno(err, "stat", base);
  bool linked = !S_ISDIR(st.st_mode) && st.st_nlink > 1;
  if (linked && inode_set_has(&shift->linked, st.st_dev, st.st_ino)) return 0;
  if (give(parent, base, &st, shift, err) < 0) return -1;
  if (linked && inode_set_add(&shift->linked, st.st_dev, st.st_ino) < 0) return error_text(err, "out of memory");
  if (!S_ISDIR(st.st_mode)) return 0;
  int fd = openat(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), rc = 0;
  DIR *folder = fd < 0 ? NULL : fdopendir(fd);
  if (!folder) { if (fd >= 0) close(fd); return error_errno(err, "open", base); }
  for (struct dirent *child; rc == 0 && (child = readdir(folder));)
    if (strcmp(child->d_name, ".") != 0 && strcmp(child->d_name, "..") != 0) rc = walk(fd, child->d_name, shift, err);
  closedir(folder);
  return rc;
}

int cmd_shift(int argc, char **argv) {
  struct shift shift = {0};
  struct error err = {0};
  const char *folder = NULL;
  arena_open();
  deep_tree_prepare();
  if (!read_options(argc, argv, &folder, &shift, &err)) {
    if (!err.text[0]) error_text(&err, "usage: bayplan-core shift --folder DIR [--from-uids INSIDE:OUTSIDE:SIZE[,…] --from-gids …] [--to-uids … --to-gids …] [--check]");
  } else {
    fd_auto parent = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0) error_errno(&err, "open", folder);
    else if (walk(parent, ".", &shift, &err) == 0) return 0;
  }
  error_write(2, &err);
  return 1;
}
