#include "filesystem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "arena.h"
#include "scope.h"

/* What concerns the file system itself, for all who see it. */
static int set_flags(int context, unsigned long flags) {
  static const struct { unsigned long flag; const char *name; } names[] = {
    {MS_RDONLY, "ro"}, {MS_SYNCHRONOUS, "sync"}, {MS_DIRSYNC, "dirsync"}, {MS_MANDLOCK, "mand"}, {MS_LAZYTIME, "lazytime"},
  };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (flags & names[i].flag && fsconfig(context, FSCONFIG_SET_FLAG, names[i].name, NULL, 0) < 0) return -1;
  return 0;
}

/* What concerns this mount of it. */
static unsigned attributes_of(unsigned long flags) {
  static const struct { unsigned long flag; unsigned attribute; } pairs[] = {
    {MS_RDONLY, MOUNT_ATTR_RDONLY}, {MS_NOSUID, MOUNT_ATTR_NOSUID}, {MS_NODEV, MOUNT_ATTR_NODEV}, {MS_NOEXEC, MOUNT_ATTR_NOEXEC}, {MS_NOATIME, MOUNT_ATTR_NOATIME},
    {MS_NODIRATIME, MOUNT_ATTR_NODIRATIME}, {256 /* MS_NOSYMFOLLOW */, MOUNT_ATTR_NOSYMFOLLOW},
  };
  unsigned attributes = 0;
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) if (flags & pairs[i].flag) attributes |= pairs[i].attribute;
  return flags & MS_STRICTATIME && !(flags & MS_NOATIME) ? attributes | MOUNT_ATTR_STRICTATIME : attributes;
}

static int set_data(int context, const char *data) {
  char *rest = arena_format("%s", data);
  for (char *option; rest && (option = strsep(&rest, ","));) {
    if (!*option) continue;
    char *value = strchr(option, '=');
    if (value) *value++ = 0;
    if (fsconfig(context, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, option, value, 0) < 0) return -1;
  }
  return 0;
}

static int failed(const struct mount_spec *mount, struct error *err) {
  int saved = errno;
  error_errno(err, "mount", mount->target);
  snprintf(err->text, sizeof err->text, "mount %s on %s%s%s: %s", mount->type, mount->target, *mount->data ? " with " : "", mount->data, strerror(saved));
  return -1;
}

int filesystem_open(const struct mount_spec *mount, struct error *err) {
  fd_auto context = fsopen(mount->type, FSOPEN_CLOEXEC);
  if (context < 0 || (mount->source && fsconfig(context, FSCONFIG_SET_STRING, "source", mount->source, 0) < 0)) return failed(mount, err);
  if (set_flags(context, mount->flags) < 0 || set_data(context, mount->data) < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) return failed(mount, err);
  int root = fsmount(context, FSMOUNT_CLOEXEC, attributes_of(mount->flags));
  return root < 0 ? failed(mount, err) : root;
}
