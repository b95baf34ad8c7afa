#include "config.h"

#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "arena.h"
#include "fields.h"
#include "json_file.h"
#include "memory_policy.h"

/* Pairs of an object whose values are strings. */
static int read_pairs(json_t *object, const char *where, struct pair **out, size_t *count, struct error *err) {
  const char *name;
  json_t *value;
  *out = arena_alloc(json_object_size(object) * sizeof **out + 1);
  if (!*out) return error_text(err, "%s: out of memory", where);
  json_object_foreach(object, name, value) {
    if (!json_is_string(value)) return error_text(err, "%s: %s: a string is wanted", where, name);
    (*out)[(*count)++] = (struct pair){name, json_string_value(value)};
  }
  return 0;
}

struct device_entry { const char *path, *type; int64_t major, minor; uint32_t mode, uid, gid; };

static int read_devices(json_t *array, struct config *config, struct error *err) {
#define AT(member) offsetof(struct device_entry, member)
  static const struct field fields[] = {
    {"path", FIELD_TEXT, AT(path)}, {"type", FIELD_TEXT, AT(type)}, {"major", FIELD_INTEGER, AT(major)}, {"minor", FIELD_INTEGER, AT(minor)},
    {"fileMode", FIELD_UINT32, AT(mode)}, {"uid", FIELD_UINT32, AT(uid)}, {"gid", FIELD_UINT32, AT(gid)}, {0},
  };
#undef AT
  static const struct device_entry usual = {.mode = 0666};
  static const char where[] = "config.json: linux.devices";
  struct device_entry *entries;
  if (fields_list(array, where, fields, sizeof *entries, &usual, &entries, &config->device_count, err) < 0) return -1;
  config->devices = arena_alloc(config->device_count * sizeof *config->devices + 1);
  if (!config->devices) return error_text(err, "%s: out of memory", where);
  for (size_t i = 0; i < config->device_count; i++) {
    const struct device_entry *entry = &entries[i];
    if (!entry->path || *entry->path != '/' || !entry->type) return error_text(err, "%s[%zu]: a device needs an absolute path and a type", where, i);
    if (!strchr("cubp", *entry->type) || !*entry->type || entry->type[1]) return error_text(err, "%s[%zu].type: \"%s\" is none of c, u, b, p", where, i, entry->type);
    for (size_t k = 0; k < i; k++) if (strcmp(entries[k].path, entry->path) == 0) return error_text(err, "%s: two at %s", where, entry->path);
    mode_t kind = *entry->type == 'b' ? S_IFBLK : *entry->type == 'p' ? S_IFIFO : S_IFCHR;
    config->devices[i] = (struct device){.path = entry->path, .mode = kind | (entry->mode & 07777), .number = makedev((unsigned)entry->major, (unsigned)entry->minor),
      .uid = entry->uid, .gid = entry->gid, .tree = -1};
  }
  return 0;
}

static int check_version(const char *version, struct error *err) {
  char *end;
  if (!version || !*version) return error_text(err, "config.json: ociVersion: missing");
  long major = strtol(version, &end, 10);
  if (end == version || *end != '.' || end[1 + strspn(end + 1, "0123456789")] != '.') return error_text(err, "config.json: ociVersion: \"%s\" is no version as 1.2.0", version);
  return major == 1 ? 0 : error_text(err, "config.json: ociVersion: %s is not supported (1.0 to 1.2 are)", version);
}

struct personality_entry { const char *domain; json_t *flags; };

static int read_personality(json_t *object, struct config *config, struct error *err) {
  static const struct field fields[] = {{"domain", FIELD_TEXT, offsetof(struct personality_entry, domain)}, {"flags", FIELD_ARRAY, offsetof(struct personality_entry, flags)}, {0}};
  struct personality_entry entry = {0};
  if (!object) return 0;
  if (fields_read(object, "config.json: linux.personality", fields, &entry, err) < 0) return -1;
  if (json_array_size(entry.flags)) return error_text(err, "config.json: linux.personality.flags: none are supported");
  const char *domain = entry.domain ? entry.domain : "";
  if (strcmp(domain, "LINUX") != 0 && strcmp(domain, "LINUX32") != 0) return error_text(err, "config.json: linux.personality.domain: \"%s\" is neither LINUX nor LINUX32", domain);
  config->has_personality = true;
  config->personality = strcmp(domain, "LINUX") == 0 ? PER_LINUX : PER_LINUX32;
  return 0;
}

struct filter_entry { const char *listener, *metadata; const char **flags; };

/* What of linux.seccomp is no part of the program that it is compiled to. */
static int read_filter_flags(json_t *object, unsigned *out, struct error *err) {
  static const struct field fields[] = {{"listenerPath", FIELD_TEXT, offsetof(struct filter_entry, listener)}, {"listenerMetadata", FIELD_TEXT, offsetof(struct filter_entry, metadata)},
    {"flags", FIELD_TEXTS, offsetof(struct filter_entry, flags)}, {0}};
  static const struct { const char *name; unsigned value; } known[] = {
    {"SECCOMP_FILTER_FLAG_TSYNC", 0}, {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG}, {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
    {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
  };
  struct filter_entry entry = {NULL, NULL, NULL};
  if (fields_read(object, "config.json: linux.seccomp", fields, &entry, err) < 0) return -1;
  for (const char **name = entry.flags; name && *name; name++) {
    size_t i = 0;
    while (i < sizeof known / sizeof *known && strcmp(*name, known[i].name) != 0) i++;
    if (i == sizeof known / sizeof *known) return error_text(err, "config.json: linux.seccomp.flags: unknown or unsupported \"%s\"", *name);
    *out |= known[i].value;
  }
  return 0;
}

struct linux_part {
  const char *propagation, *cgroups_path, *mount_label;
  const char **masked, **readonly;
  json_t *sysctl, *devices, *resources, *seccomp, *rdt, *personality, *net_devices, *memory_policy;
};

static int read_linux(json_t *object, struct config *config, struct error *err) {
#define AT(member) offsetof(struct linux_part, member)
  static const struct field fields[] = {
    {"rootfsPropagation", FIELD_TEXT, AT(propagation)}, {"cgroupsPath", FIELD_TEXT, AT(cgroups_path)}, {"mountLabel", FIELD_TEXT, AT(mount_label)},
    {"maskedPaths", FIELD_TEXTS, AT(masked)}, {"readonlyPaths", FIELD_TEXTS, AT(readonly)}, {"sysctl", FIELD_OBJECT, AT(sysctl)}, {"devices", FIELD_ARRAY, AT(devices)},
    {"resources", FIELD_OBJECT, AT(resources)}, {"seccomp", FIELD_OBJECT, AT(seccomp)}, {"intelRdt", FIELD_OBJECT, AT(rdt)}, {"personality", FIELD_OBJECT, AT(personality)},
    {"netDevices", FIELD_OBJECT, AT(net_devices)}, {"memoryPolicy", FIELD_OBJECT, AT(memory_policy)}, {0},
  };
#undef AT
  static const char *const propagations[] = {"private", "rprivate", "slave", "rslave", "shared", "rshared", "unbindable", "runbindable"};
  static const char *none[] = {NULL};
  struct linux_part part = {.masked = none, .readonly = none};
  if (fields_read(object, "config.json: linux", fields, &part, err) < 0) return -1;
  config->root_propagation = part.propagation && *part.propagation ? part.propagation : NULL;
  config->cgroups_path = part.cgroups_path && *part.cgroups_path ? part.cgroups_path : NULL;
  config->masked = part.masked;
  config->readonly = part.readonly;
  config->seccomp = part.seccomp;
  bool known = !config->root_propagation;
  for (size_t i = 0; !known && i < sizeof propagations / sizeof *propagations; i++) known = strcmp(config->root_propagation, propagations[i]) == 0;
  if (!known) return error_text(err, "config.json: linux.rootfsPropagation: unknown \"%s\"", config->root_propagation);
  if (config->cgroups_path && strstr(config->cgroups_path, "..")) return error_text(err, "config.json: linux.cgroupsPath: no \"..\" in it: %s", config->cgroups_path);
  if (part.mount_label && *part.mount_label) return error_text(err, "config.json: linux.mountLabel: SELinux is not supported");
  if (part.rdt) return error_text(err, "config.json: linux.intelRdt: not supported");
  if (json_object_size(part.net_devices)) return error_text(err, "config.json: linux.netDevices: not supported");
  config->memory_policy = part.memory_policy;
  return read_pairs(part.sysctl, "config.json: linux.sysctl", &config->sysctls, &config->sysctl_count, err) < 0 || config_namespaces(object, config, err) < 0
    || read_devices(part.devices, config, err) < 0 || config_read_resources(part.resources, &config->resources, err) < 0
    || read_personality(part.personality, config, err) < 0 ? -1 : 0;
}

struct top { const char *version, *hostname, *domainname; json_t *root, *annotations, *mounts, *hooks, *process, *linux_part; };
struct root { const char *path; bool readonly; };

int config_from(json_t *object, const char *bundle, struct config *config, struct error *err) {
#define AT(member) offsetof(struct top, member)
  static const struct field fields[] = {
    {"ociVersion", FIELD_TEXT, AT(version)}, {"hostname", FIELD_TEXT, AT(hostname)}, {"domainname", FIELD_TEXT, AT(domainname)}, {"root", FIELD_OBJECT, AT(root)},
    {"annotations", FIELD_OBJECT, AT(annotations)}, {"mounts", FIELD_ARRAY, AT(mounts)}, {"hooks", FIELD_OBJECT, AT(hooks)}, {"process", FIELD_OBJECT, AT(process)},
    {"linux", FIELD_OBJECT, AT(linux_part)}, {0},
  };
#undef AT
  static const struct field roots[] = {{"path", FIELD_TEXT, offsetof(struct root, path)}, {"readonly", FIELD_BOOL, offsetof(struct root, readonly)}, {0}};
  static const struct field notes[] = {
    {"io.bayplan.overlay", FIELD_TEXT, offsetof(struct config, overlay)}, {"io.bayplan.overlay.cwd", FIELD_TEXT, offsetof(struct config, overlay_cwd)},
    {"io.bayplan.seccomp.bpf", FIELD_TEXT, offsetof(struct config, seccomp_bpf)}, {0},
  };
  struct top top = {0};
  struct root root = {0};
  *config = (struct config){.root_tree = -1};
  if (fields_read(object, "config.json", fields, &top, err) < 0 || check_version(top.version, err) < 0) return -1;
  if (fields_read(top.root, "config.json: root", roots, &root, err) < 0 || fields_read(top.annotations, "config.json: annotations", notes, config, err) < 0) return -1;
  if (!root.path || !*root.path) return error_text(err, "config.json: root.path: missing");
  const char *idmap = json_string_value(json_object_get(top.annotations, "io.bayplan.overlay.idmap"));
  config->overlay_idmap = idmap && strcmp(idmap, "true") == 0;
  config->version = top.version;
  config->root = *root.path == '/' ? root.path : arena_format("%s/%s", bundle, root.path);
  config->root_readonly = root.readonly;
  config->hostname = top.hostname && *top.hostname ? top.hostname : NULL;
  config->domainname = top.domainname && *top.domainname ? top.domainname : NULL;
  if (read_pairs(top.annotations, "config.json: annotations", &config->annotations, &config->annotation_count, err) < 0) return -1;
  if (read_linux(top.linux_part, config, err) < 0 || config_mounts(top.mounts, config, err) < 0 || config_hooks(top.hooks, config, err) < 0) return -1;
  bool own_names = config->namespaces & namespaces[NS_UTS].flag || config->joins[NS_UTS];
  if (config->hostname && !own_names) return error_text(err, "config.json: hostname: a uts namespace is needed, else the host's own name would change");
  if (config->domainname && !own_names) return error_text(err, "config.json: domainname: a uts namespace is needed, else the host's own would change");
  config->has_process = top.process;
  if (top.process) {
    if (config_process(top.process, top.annotations, &config->process, err) < 0) return -1;
    /* As runtime-tools and crun want it; specifications from 1.1 on would have it logged as a warning, and only those that cannot be granted left out. */
    if (config->process.unknown_caps) return error_text(err, "config.json: process.capabilities: unknown: %s", config->process.unknown_caps);
    return read_filter_flags(config->seccomp, &config->process.filter_flags, err) < 0 ? -1 : memory_policy_read(config->memory_policy, &config->process.memory, err);
  }
  static char *none[] = {NULL};
  config->process = (struct process_spec){.args = none, .env = none, .cwd = "/", .umask = 022};
  return 0;
}

int config_read(const char *bundle, struct config *config, struct error *err) {
  char *path = arena_format("%s/config.json", bundle);
  json_t *top = path ? json_file_read(path, err) : NULL;
  return top ? config_from(top, bundle, config, err) : -1;
}

int config_read_process(const char *path, struct process_spec *process, struct error *err) {
  json_t *root = json_file_read(path, err);
  return root ? config_process(root, json_object_get(root, "annotations"), process, err) : -1;
}
