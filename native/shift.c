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
#include "mapping.h"
#include "scope.h"

/* Gives all that lies in a folder, itself included, from the users of one namespace to those of another. */

struct shift { struct mappings from, to; };

static bool read_options(int argc, char **argv, const char **folder, struct shift *shift, struct error *err) {
  static const struct option options[] = {
    {"folder", required_argument, NULL, 'f'}, {"from-uids", required_argument, NULL, 'u'}, {"from-gids", required_argument, NULL, 'g'}, {"to-uids", required_argument, NULL, 'U'}, {"to-gids", required_argument, NULL, 'G'}, {0},
  };
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (option) {
    case 'f': *folder = optarg; break;
    case 'u': if (mapping_parse(optarg, &shift->from.uids, &shift->from.uid_count, err) < 0) return false; break;
    case 'g': if (mapping_parse(optarg, &shift->from.gids, &shift->from.gid_count, err) < 0) return false; break;
    case 'U': if (mapping_parse(optarg, &shift->to.uids, &shift->to.uid_count, err) < 0) return false; break;
    case 'G': if (mapping_parse(optarg, &shift->to.gids, &shift->to.gid_count, err) < 0) return false; break;
    default: return false;
  }
  return optind == argc && *folder;
}

/* chown(2) takes set-user-ID bits and file capabilities away. */
static int give(int parent, const char *base, const struct stat *st, const struct shift *shift, struct error *err) {
  uint32_t uid, gid;
  char name[300], capability[64];
  uint32_t inside_uid = mapping_inside(shift->from.uids, shift->from.uid_count, st->st_uid), inside_gid = mapping_inside(shift->from.gids, shift->from.gid_count, st->st_gid);
  if (!mapping_outside(shift->to.uids, shift->to.uid_count, inside_uid, &uid) || !mapping_outside(shift->to.gids, shift->to.gid_count, inside_gid, &gid))
    return error_text(err, "%s: its owner %u:%u has no mapping in the user namespace", base, inside_uid, inside_gid);
  if (uid == st->st_uid && gid == st->st_gid) return 0;
  bool file = S_ISREG(st->st_mode);
  snprintf(name, sizeof name, "/proc/self/fd/%d/%s", parent, base);
  ssize_t length = file ? lgetxattr(name, "security.capability", capability, sizeof capability) : -1;
  if (fchownat(parent, base, uid, gid, AT_SYMLINK_NOFOLLOW) < 0) return error_errno(err, "chown", base);
  if (file && st->st_mode & (S_ISUID | S_ISGID) && fchmodat(parent, base, st->st_mode & 07777, 0) < 0) return error_errno(err, "chmod", base);
  return length > 0 && lsetxattr(name, "security.capability", capability, (size_t)length, 0) < 0 ? error_errno(err, "setxattr", base) : 0;
}

static int walk(int parent, const char *base, const struct shift *shift, struct error *err) {
  struct stat st;
  if (fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) < 0) return error_errno(err, "stat", base);
  if (give(parent, base, &st, shift, err) < 0) return -1;
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
    if (!err.text[0]) error_text(&err, "usage: bayplan-core shift --folder DIR [--from-uids INSIDE:OUTSIDE:SIZE[,…] --from-gids …] [--to-uids … --to-gids …]");
  } else {
    fd_auto parent = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0) error_errno(&err, "open", folder);
    else if (walk(parent, ".", &shift, &err) == 0) return 0;
  }
  error_write(2, &err);
  return 1;
}
