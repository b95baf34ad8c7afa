#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "arena.h"
#include "config.h"
#include "fields.h"

static const struct { const char *name; unsigned long set, clear; uint64_t attr_set, attr_clear; } mount_flags[] = {
  {"ro", MS_RDONLY, 0, MOUNT_ATTR_RDONLY, 0}, {"rw", 0, MS_RDONLY, 0, MOUNT_ATTR_RDONLY},
  {"nosuid", MS_NOSUID, 0, MOUNT_ATTR_NOSUID, 0}, {"suid", 0, MS_NOSUID, 0, MOUNT_ATTR_NOSUID},
  {"nodev", MS_NODEV, 0, MOUNT_ATTR_NODEV, 0}, {"dev", 0, MS_NODEV, 0, MOUNT_ATTR_NODEV},
  {"noexec", MS_NOEXEC, 0, MOUNT_ATTR_NOEXEC, 0}, {"exec", 0, MS_NOEXEC, 0, MOUNT_ATTR_NOEXEC},
  {"nosymfollow", MS_NOSYMFOLLOW, 0, MOUNT_ATTR_NOSYMFOLLOW, 0}, {"symfollow", 0, MS_NOSYMFOLLOW, 0, MOUNT_ATTR_NOSYMFOLLOW},
  {"noatime", MS_NOATIME, MS_RELATIME | MS_STRICTATIME, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
  {"relatime", MS_RELATIME, MS_NOATIME | MS_STRICTATIME, 0, MOUNT_ATTR__ATIME}, {"norelatime", 0, MS_RELATIME, 0, 0},
  {"atime", 0, MS_NOATIME, 0, MOUNT_ATTR__ATIME},
  {"strictatime", MS_STRICTATIME, MS_NOATIME | MS_RELATIME, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME}, {"nostrictatime", 0, MS_STRICTATIME, 0, MOUNT_ATTR__ATIME},
  {"nodiratime", MS_NODIRATIME, 0, MOUNT_ATTR_NODIRATIME, 0}, {"diratime", 0, MS_NODIRATIME, 0, MOUNT_ATTR_NODIRATIME},
  {"sync", MS_SYNCHRONOUS, 0, 0, 0}, {"async", 0, MS_SYNCHRONOUS, 0, 0}, {"dirsync", MS_DIRSYNC, 0, 0, 0},
  {"iversion", MS_I_VERSION, 0, 0, 0}, {"noiversion", 0, MS_I_VERSION, 0, 0}, {"lazytime", MS_LAZYTIME, 0, 0, 0}, {"nolazytime", 0, MS_LAZYTIME, 0, 0},
  {"mand", MS_MANDLOCK, 0, 0, 0}, {"nomand", 0, MS_MANDLOCK, 0, 0}, {"remount", MS_REMOUNT, 0, 0, 0},
  {"silent", MS_SILENT, 0, 0, 0}, {"loud", 0, MS_SILENT, 0, 0}, {"defaults", 0, 0, 0, 0},
};
static const struct { const char *name; uint64_t set; bool deep; } propagations[] = {
  {"private", MS_PRIVATE, false}, {"rprivate", MS_PRIVATE, true}, {"slave", MS_SLAVE, false}, {"rslave", MS_SLAVE, true},
  {"shared", MS_SHARED, false}, {"rshared", MS_SHARED, true}, {"unbindable", MS_UNBINDABLE, false}, {"runbindable", MS_UNBINDABLE, true},
};
/* Recursive forms of the specification's section "Linux mount options". */
static const struct { const char *name; uint64_t set, clear; } deep_flags[] = {
  {"rro", MOUNT_ATTR_RDONLY, 0}, {"rrw", 0, MOUNT_ATTR_RDONLY}, {"rnosuid", MOUNT_ATTR_NOSUID, 0}, {"rsuid", 0, MOUNT_ATTR_NOSUID},
  {"rnodev", MOUNT_ATTR_NODEV, 0}, {"rdev", 0, MOUNT_ATTR_NODEV}, {"rnoexec", MOUNT_ATTR_NOEXEC, 0}, {"rexec", 0, MOUNT_ATTR_NOEXEC},
  {"rnosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0}, {"rsymfollow", 0, MOUNT_ATTR_NOSYMFOLLOW},
  {"rnodiratime", MOUNT_ATTR_NODIRATIME, 0}, {"rdiratime", 0, MOUNT_ATTR_NODIRATIME},
  {"rnoatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME}, {"ratime", 0, MOUNT_ATTR__ATIME}, {"rrelatime", 0, MOUNT_ATTR__ATIME},
  {"rnorelatime", 0, 0}, {"rstrictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME}, {"rnostrictatime", 0, MOUNT_ATTR__ATIME},
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* Names that stand for themselves, one after the other; NULL after the last. For `features`. */
const char *config_mount_option_name(size_t index) {
  static const char *const others[] = {"bind", "rbind", "tmpcopyup", "idmap", "ridmap"};
  if (index < COUNT(mount_flags)) return mount_flags[index].name;
  if ((index -= COUNT(mount_flags)) < COUNT(propagations)) return propagations[index].name;
  if ((index -= COUNT(propagations)) < COUNT(deep_flags)) return deep_flags[index].name;
  index -= COUNT(deep_flags);
  return index < COUNT(others) ? others[index] : NULL;
}

bool config_mount_option(struct mount_spec *mount, const char *option) {
  if (strcmp(option, "bind") == 0) return mount->bind = true;
  if (strcmp(option, "rbind") == 0) return mount->bind = mount->deep = true;
  if (strcmp(option, "create") == 0) return mount->create = true;
  if (strcmp(option, "tmpcopyup") == 0) return mount->copy_up = true;
  if (strcmp(option, "idmap") == 0) return mount->idmap = true;
  if (strcmp(option, "users") == 0) return mount->idmap = mount->idmap_deep = mount->as_users = true;
  if (strcmp(option, "ridmap") == 0) return mount->idmap = mount->idmap_deep = true;
  if (strncmp(option, "subpath=", 8) == 0) return (mount->subpath = option + 8);
  if (strncmp(option, "of=", 3) == 0 && atoi(option + 3) > 0) return (mount->of = atoi(option + 3));
  for (size_t i = 0; i < COUNT(mount_flags); i++)
    if (strcmp(option, mount_flags[i].name) == 0) {
      mount->flags = (mount->flags & ~mount_flags[i].clear) | mount_flags[i].set;
      mount->attr_set = (mount->attr_set & ~mount_flags[i].attr_clear) | mount_flags[i].attr_set;
      mount->attr_clear |= mount_flags[i].attr_clear;
      return true;
    }
  for (size_t i = 0; i < COUNT(propagations); i++)
    if (strcmp(option, propagations[i].name) == 0) {
      mount->propagation = propagations[i].set;
      mount->propagation_deep = propagations[i].deep;
      return true;
    }
  for (size_t i = 0; i < COUNT(deep_flags); i++)
    if (strcmp(option, deep_flags[i].name) == 0) {
      mount->attr_set_deep = (mount->attr_set_deep & ~deep_flags[i].clear) | deep_flags[i].set;
      mount->attr_clear_deep |= deep_flags[i].clear;
      return true;
    }
  return false;
}

struct entry { const char *destination, *source, *type; const char **options; json_t *uids, *gids; };

static int read_mount(const struct entry *entry, struct mount_spec *mount, struct error *err) {
  static const char *const none[] = {NULL};
  *mount = (struct mount_spec){.target = entry->destination, .source = entry->source, .type = entry->type ? entry->type : "", .data = "", .tree = -1};
  if (!mount->target || !*mount->target) return error_text(err, "config.json: mounts: a mount has no destination");
  if (*mount->target != '/') mount->target = arena_format("/%s", mount->target); /* as before the specification's 1.0; runc takes it still */
  for (const char *const *option = entry->options ? entry->options : (const char **)none; *option; option++)
    if (!config_mount_option(mount, *option)) mount->data = *mount->data ? arena_format("%s,%s", mount->data, *option) : *option;
  if (!mount->target || !mount->data) return error_text(err, "config.json: mounts: out of memory");
  if (strcmp(mount->type, "bind") == 0 || strcmp(mount->type, "rbind") == 0) mount->bind = true;
  if (strcmp(mount->type, "rbind") == 0) mount->deep = true;
  if (mount->bind && !mount->source) return error_text(err, "config.json: %s: a bind without a source", mount->target);
  if (!mount->bind && !*mount->type && !(mount->flags & MS_REMOUNT)) return error_text(err, "config.json: mounts: %s has no type, and is no bind", mount->target);
  if (entry->uids || entry->gids) {
    if (!mount->idmap) mount->idmap = true;
    if (!entry->uids || !entry->gids) return error_text(err, "config.json: %s: uidMappings and gidMappings belong together", mount->target);
    if (config_mappings(entry->uids, entry->gids, mount->target, &mount->mappings, err) < 0) return -1;
  }
  if (mount->idmap && !mount->bind) return error_text(err, "config.json: %s: only a bind can be idmapped", mount->target);
  if (!mount->source) mount->source = mount->type;
  return 0;
}

int config_mounts(json_t *array, struct config *config, struct error *err) {
  static const struct field fields[] = {
    {"destination", FIELD_TEXT, offsetof(struct entry, destination)}, {"source", FIELD_TEXT, offsetof(struct entry, source)},
    {"type", FIELD_TEXT, offsetof(struct entry, type)}, {"options", FIELD_TEXTS, offsetof(struct entry, options)},
    {"uidMappings", FIELD_ARRAY, offsetof(struct entry, uids)}, {"gidMappings", FIELD_ARRAY, offsetof(struct entry, gids)}, {0},
  };
  struct entry *entries;
  if (fields_list(array, "config.json: mounts", fields, sizeof *entries, NULL, &entries, &config->mount_count, err) < 0) return -1;
  config->mounts = arena_alloc(config->mount_count * sizeof *config->mounts + 1);
  if (!config->mounts) return error_text(err, "config.json: mounts: out of memory");
  for (size_t i = 0; i < config->mount_count; i++) {
    if (read_mount(&entries[i], &config->mounts[i], err) < 0) return -1;
    if (config->mounts[i].idmap && !config->mounts[i].mappings.uid_count && !config->mappings.uid_count && !config->joins[NS_USER])
      return error_text(err, "config.json: %s: idmap needs uidMappings and gidMappings, or a user namespace that has them", config->mounts[i].target);
  }
  return 0;
}
