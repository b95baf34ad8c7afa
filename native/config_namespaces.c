#include <sched.h>
#include <string.h>

#include "arena.h"
#include "config.h"
#include "fields.h"

#define MAPPINGS_MAX 340 /* the kernel's limit */

static int read_mappings(json_t *array, const char *where, struct mapping **out, size_t *count, struct error *err) {
  static const struct field fields[] = {
    {"containerID", FIELD_UINT32, offsetof(struct mapping, container)}, {"hostID", FIELD_UINT32, offsetof(struct mapping, host)},
    {"size", FIELD_UINT32, offsetof(struct mapping, size)}, {0},
  };
  if (fields_list(array, where, fields, sizeof **out, NULL, out, count, err) < 0) return -1;
  if (*count > MAPPINGS_MAX) return error_text(err, "%s: more than %d ranges", where, MAPPINGS_MAX);
  for (size_t i = 0; i < *count; i++) if ((*out)[i].size == 0) return error_text(err, "%s: a range of size 0", where);
  return 0;
}

int config_mappings(json_t *uids, json_t *gids, const char *where, struct mappings *mappings, struct error *err) {
  char place[256];
  snprintf(place, sizeof place, "config.json: %s.uidMappings", where);
  if (read_mappings(uids, place, &mappings->uids, &mappings->uid_count, err) < 0) return -1;
  snprintf(place, sizeof place, "config.json: %s.gidMappings", where);
  return read_mappings(gids, place, &mappings->gids, &mappings->gid_count, err);
}

struct entry { const char *type, *path; };

static int read_list(json_t *array, struct config *config, struct error *err) {
  static const struct field fields[] = {{"type", FIELD_TEXT, offsetof(struct entry, type)}, {"path", FIELD_TEXT, offsetof(struct entry, path)}, {0}};
  static const char where[] = "config.json: linux.namespaces";
  struct entry *entries;
  size_t count;
  unsigned long seen = 0;
  if (fields_list(array, where, fields, sizeof *entries, NULL, &entries, &count, err) < 0) return -1;
  for (size_t i = 0; i < count; i++) {
    int kind = 0;
    while (kind < NAMESPACE_KINDS && (!entries[i].type || strcmp(entries[i].type, namespaces[kind].type) != 0)) kind++;
    if (kind == NAMESPACE_KINDS) return error_text(err, "%s: unknown type \"%s\"", where, entries[i].type ? entries[i].type : "");
    if (seen & namespaces[kind].flag) return error_text(err, "%s: two of type %s", where, namespaces[kind].type);
    seen |= namespaces[kind].flag;
    if (!entries[i].path || !*entries[i].path) config->namespaces |= namespaces[kind].flag;
    else if (*entries[i].path != '/') return error_text(err, "%s: the path %s is not absolute", where, entries[i].path);
    else config->joins[kind] = entries[i].path;
  }
  return 0;
}

static int read_offset(json_t *object, const char *name, struct time_offset *offset, struct error *err) {
  static const struct field fields[] = {{"secs", FIELD_INTEGER, offsetof(struct time_offset, seconds)}, {"nanosecs", FIELD_INTEGER, offsetof(struct time_offset, nanoseconds)}, {0}};
  json_t *value = json_object_get(object, name);
  char where[64];
  if (!value) return 0;
  snprintf(where, sizeof where, "config.json: linux.timeOffsets.%s", name);
  offset->set = true;
  if (fields_read(value, where, fields, offset, err) < 0) return -1;
  return offset->nanoseconds < 0 || offset->nanoseconds > 999999999 ? error_text(err, "%s.nanosecs: 0 to 999999999 is wanted", where) : 0;
}

struct part { json_t *namespaces, *uids, *gids, *offsets; };

int config_namespaces(json_t *linux_part, struct config *config, struct error *err) {
  static const struct field fields[] = {
    {"namespaces", FIELD_ARRAY, offsetof(struct part, namespaces)}, {"uidMappings", FIELD_ARRAY, offsetof(struct part, uids)},
    {"gidMappings", FIELD_ARRAY, offsetof(struct part, gids)}, {"timeOffsets", FIELD_OBJECT, offsetof(struct part, offsets)}, {0},
  };
  struct part part = {0};
  if (fields_read(linux_part, "config.json: linux", fields, &part, err) < 0) return -1;
  if (read_list(part.namespaces, config, err) < 0) return -1;
  if (config_mappings(part.uids, part.gids, "linux", &config->mappings, err) < 0) return -1;
  if (config->namespaces & CLONE_NEWUSER && (!config->mappings.uid_count || !config->mappings.gid_count))
    return error_text(err, "config.json: linux: a new user namespace needs uidMappings and gidMappings");
  if (!(config->namespaces & CLONE_NEWUSER) && !config->joins[NS_USER] && (config->mappings.uid_count || config->mappings.gid_count))
    return error_text(err, "config.json: linux: uidMappings and gidMappings need a user namespace");
  if (read_offset(part.offsets, "monotonic", &config->monotonic, err) < 0 || read_offset(part.offsets, "boottime", &config->boottime, err) < 0) return -1;
  if ((config->monotonic.set || config->boottime.set) && !(config->namespaces & CLONE_NEWTIME))
    return error_text(err, "config.json: linux.timeOffsets: a new time namespace is needed");
  return 0;
}

bool config_has_users(const struct config *config) { return config->namespaces & CLONE_NEWUSER || config->joins[NS_USER]; }

bool config_has_mounts(const struct config *config) { return config->namespaces & CLONE_NEWNS || config->joins[NS_MOUNT]; }
