#include "content.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "arena.h"
#include "inroot.h"
#include "mapping.h"
#include "over_proc.h"
#include "scope.h"

struct owner { uid_t uid; gid_t gid; mode_t mode; };

static int read_owner(const struct config *config, const struct mount_spec *mount, struct owner *owner, struct error *err) {
  *owner = (struct owner){.mode = 0444};
  char *data = arena_format("%s", mount->data), *end = "";
  for (char *option; data && (option = strsep(&data, ","));) {
    if (strncmp(option, "uid=", 4) == 0) owner->uid = (uid_t)strtoul(option + 4, &end, 10);
    else if (strncmp(option, "gid=", 4) == 0) owner->gid = (gid_t)strtoul(option + 4, &end, 10);
    else if (strncmp(option, "mode=", 5) == 0) owner->mode = (mode_t)strtoul(option + 5, &end, 8) & 07777;
    else if (*option) return error_text(err, "config.json: %s: unknown option %s of a content", mount->target, option);
    if (*end) return error_text(err, "config.json: %s: %s is no number", mount->target, option);
  }
  const struct mappings *users = &config->mappings;
  if (!mapping_outside(users->uids, users->uid_count, owner->uid, &owner->uid) || !mapping_outside(users->gids, users->gid_count, owner->gid, &owner->gid))
    return error_text(err, "%s: its owner %u:%u has no mapping in the user namespace", mount->target, owner->uid, owner->gid);
  return 0;
}

/* A new file in `folder` with the bytes of `source`. */
static int copy(const char *source, int folder, const struct owner *owner, struct error *err) {
  fd_auto from = open(source, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (from < 0) return error_errno(err, "open", source);
  fd_auto to = openat(folder, "content", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (to < 0) return error_errno(err, "open", "content");
  ssize_t sent;
  while ((sent = sendfile(to, from, NULL, 1 << 20)) > 0) continue;
  if (sent < 0) return error_errno(err, "sendfile", source);
  if (fchown(to, owner->uid, owner->gid) < 0) return error_errno(err, "chown", source);
  return fchmod(to, owner->mode) < 0 ? error_errno(err, "chmod", source) : 0;
}

/* A mount of the one file, which keeps its tmpfs alive without being below it. */
int content_tree(const struct config *config, const struct mount_spec *spec, struct error *err) {
  const char *place = config->root;
  struct owner owner;
  if (read_owner(config, spec, &owner, err) < 0) return -1;
  if (mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700") < 0) return error_errno(err, "mount", place);
  fd_auto folder = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int tree = -1;
  if (folder < 0) error_errno(err, "open", place);
  else if (copy(spec->source, folder, &owner, err) == 0 && (tree = open_tree(folder, "content", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)) < 0) error_errno(err, "open_tree", spec->target);
  if (umount2(place, MNT_DETACH) == 0) return tree;
  if (tree >= 0) close(tree);
  return error_errno(err, "umount2", place);
}

int content_mount(const struct config *config, const struct mount_spec *mount, int root, struct error *err) {
  fd_auto tree = mount->tree >= 0 ? fcntl(mount->tree, F_DUPFD_CLOEXEC, 3) : content_tree(config, mount, err);
  if (tree < 0) return mount->tree >= 0 ? error_errno(err, "fcntl", mount->target) : -1;
  struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
  if (mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0) return error_errno(err, "mount_setattr", mount->target);
  fd_auto target = inroot_make(root, mount->target, true, 0644, err);
  if (target < 0 || over_proc_allowed(mount, -1, root, target, err) < 0) return -1;
  if (move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0) return error_errno(err, "move_mount", mount->target);
  return 0;
}
