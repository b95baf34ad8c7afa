#include "config.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "arena.h"
#include "caps.h"

static int wrong(struct error *err, const char *where, const char *what) { return error_text(err, "config.json: %s: %s", where, what); }

static const char *text_of(json_t *object, const char *key) { return json_string_value(json_object_get(object, key)); }

/* Strings of an array, NULL-terminated; NULL where one is not a string. An absent array is empty. */
static const char **texts_of(json_t *array) {
  size_t count = json_array_size(array);
  const char **result = arena_alloc((count + 1) * sizeof *result);
  for (size_t i = 0; result && i < count; i++)
    if (!(result[i] = json_string_value(json_array_get(array, i)))) return NULL;
  if (result) result[count] = NULL;
  return result;
}

static int64_t number_of(json_t *object, const char *key, int64_t otherwise) {
  json_t *value = json_object_get(object, key);
  return json_is_number(value) ? (int64_t)json_number_value(value) : otherwise;
}

static const struct { const char *name; unsigned long set, clear; uint64_t attr_set, attr_clear; } mount_flags[] = {
  {"ro", MS_RDONLY, 0, MOUNT_ATTR_RDONLY, 0}, {"rw", 0, MS_RDONLY, 0, MOUNT_ATTR_RDONLY},
  {"nosuid", MS_NOSUID, 0, MOUNT_ATTR_NOSUID, 0}, {"suid", 0, MS_NOSUID, 0, MOUNT_ATTR_NOSUID},
  {"nodev", MS_NODEV, 0, MOUNT_ATTR_NODEV, 0}, {"dev", 0, MS_NODEV, 0, MOUNT_ATTR_NODEV},
  {"noexec", MS_NOEXEC, 0, MOUNT_ATTR_NOEXEC, 0}, {"exec", 0, MS_NOEXEC, 0, MOUNT_ATTR_NOEXEC},
  {"nosymfollow", MS_NOSYMFOLLOW, 0, MOUNT_ATTR_NOSYMFOLLOW, 0}, {"symfollow", 0, MS_NOSYMFOLLOW, 0, MOUNT_ATTR_NOSYMFOLLOW},
  {"noatime", MS_NOATIME, MS_RELATIME | MS_STRICTATIME, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
  {"relatime", MS_RELATIME, MS_NOATIME | MS_STRICTATIME, 0, MOUNT_ATTR__ATIME}, {"atime", 0, MS_NOATIME, 0, MOUNT_ATTR__ATIME},
  {"strictatime", MS_STRICTATIME, MS_NOATIME | MS_RELATIME, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
  {"nodiratime", MS_NODIRATIME, 0, MOUNT_ATTR_NODIRATIME, 0}, {"diratime", 0, MS_NODIRATIME, 0, MOUNT_ATTR_NODIRATIME},
  {"sync", MS_SYNCHRONOUS, 0, 0, 0}, {"async", 0, MS_SYNCHRONOUS, 0, 0}, {"dirsync", MS_DIRSYNC, 0, 0, 0},
  {"silent", MS_SILENT, 0, 0, 0}, {"loud", 0, MS_SILENT, 0, 0}, {"defaults", 0, 0, 0, 0},
};
static const struct { const char *name; uint64_t set; bool deep; } propagations[] = {
  {"private", MS_PRIVATE, false}, {"rprivate", MS_PRIVATE, true}, {"slave", MS_SLAVE, false}, {"rslave", MS_SLAVE, true},
  {"shared", MS_SHARED, false}, {"rshared", MS_SHARED, true}, {"unbindable", MS_UNBINDABLE, false}, {"runbindable", MS_UNBINDABLE, true},
};
/* Recursive forms of the specification's section "Linux mount options". */
static const struct { const char *name; uint64_t set; } deep_flags[] = {
  {"rro", MOUNT_ATTR_RDONLY}, {"rnosuid", MOUNT_ATTR_NOSUID}, {"rnodev", MOUNT_ATTR_NODEV}, {"rnoexec", MOUNT_ATTR_NOEXEC},
  {"rnosymfollow", MOUNT_ATTR_NOSYMFOLLOW}, {"rnodiratime", MOUNT_ATTR_NODIRATIME},
};

bool config_mount_option(struct mount_spec *mount, const char *option) {
  if (strcmp(option, "bind") == 0) return mount->bind = true;
  if (strcmp(option, "rbind") == 0) return mount->bind = mount->deep = true;
  if (strcmp(option, "create") == 0) return mount->create = true;
  if (strncmp(option, "subpath=", 8) == 0) return (mount->subpath = option + 8);
  for (size_t i = 0; i < sizeof mount_flags / sizeof *mount_flags; i++)
    if (strcmp(option, mount_flags[i].name) == 0) {
      mount->flags = (mount->flags & ~mount_flags[i].clear) | mount_flags[i].set;
      mount->attr_set = (mount->attr_set & ~mount_flags[i].attr_clear) | mount_flags[i].attr_set;
      mount->attr_clear |= mount_flags[i].attr_clear;
      return true;
    }
  for (size_t i = 0; i < sizeof propagations / sizeof *propagations; i++)
    if (strcmp(option, propagations[i].name) == 0) {
      mount->propagation = propagations[i].set;
      mount->propagation_deep = propagations[i].deep;
      return true;
    }
  for (size_t i = 0; i < sizeof deep_flags / sizeof *deep_flags; i++)
    if (strcmp(option, deep_flags[i].name) == 0) { mount->attr_set_deep |= deep_flags[i].set; return true; }
  return false;
}

static int read_mounts(json_t *array, struct config *config, struct error *err) {
  config->mount_count = json_array_size(array);
  config->mounts = arena_alloc(config->mount_count * sizeof *config->mounts);
  for (size_t i = 0; i < config->mount_count; i++) {
    json_t *entry = json_array_get(array, i), *option;
    struct mount_spec *mount = &config->mounts[i];
    *mount = (struct mount_spec){.target = text_of(entry, "destination"), .source = text_of(entry, "source"), .type = text_of(entry, "type"), .data = ""};
    if (!mount->target || mount->target[0] != '/') return wrong(err, "mounts", "a destination is not an absolute path");
    if (!mount->type) mount->type = "";
    size_t index;
    json_array_foreach(json_object_get(entry, "options"), index, option) {
      const char *text = json_string_value(option);
      if (!text) return wrong(err, mount->target, "an option is not a string");
      if (!config_mount_option(mount, text)) mount->data = *mount->data ? arena_format("%s,%s", mount->data, text) : text;
    }
    if (strcmp(mount->type, "bind") == 0) mount->bind = true;
    if (mount->bind && !mount->source) return wrong(err, mount->target, "a bind without a source");
    if (json_object_get(entry, "uidMappings")) return wrong(err, mount->target, "idmapped mounts are not supported");
    if (!mount->source) mount->source = mount->type;
  }
  return 0;
}

static int read_namespaces(json_t *array, struct config *config, struct error *err) {
  static const struct { const char *type; unsigned long flag; } types[] = {
    {"pid", CLONE_NEWPID}, {"network", CLONE_NEWNET}, {"ipc", CLONE_NEWIPC}, {"mount", CLONE_NEWNS}, {"uts", CLONE_NEWUTS}, {"cgroup", CLONE_NEWCGROUP},
  };
  size_t i;
  json_t *entry;
  json_array_foreach(array, i, entry) {
    const char *type = text_of(entry, "type"), *path = text_of(entry, "path");
    unsigned long flag = 0;
    for (size_t k = 0; type && k < sizeof types / sizeof *types; k++) if (strcmp(type, types[k].type) == 0) flag = types[k].flag;
    if (!flag) return error_text(err, "config.json: linux.namespaces: a namespace of type \"%s\" is not supported", type ? type : "");
    if (!path || !*path) config->namespaces |= flag;
    else if (flag == CLONE_NEWNET) config->net_path = path;
    else if (flag == CLONE_NEWIPC) config->ipc_path = path;
    else if (flag == CLONE_NEWUTS) config->uts_path = path;
    else return error_text(err, "config.json: linux.namespaces: a %s namespace by path is not supported", type);
  }
  if (!(config->namespaces & CLONE_NEWNS)) return wrong(err, "linux.namespaces", "a mount namespace of its own is needed");
  return 0;
}

static int read_devices(json_t *array, struct config *config, struct error *err) {
  config->device_count = json_array_size(array);
  config->devices = arena_alloc(config->device_count * sizeof *config->devices);
  for (size_t i = 0; i < config->device_count; i++) {
    json_t *entry = json_array_get(array, i);
    const char *path = text_of(entry, "path"), *type = text_of(entry, "type");
    if (!path || *path != '/' || !type) return wrong(err, "linux.devices", "a device needs path and type");
    mode_t kind = *type == 'b' ? S_IFBLK : *type == 'p' ? S_IFIFO : S_IFCHR;
    config->devices[i] = (struct device){.path = path, .mode = kind | (mode_t)number_of(entry, "fileMode", 0666),
      .number = makedev((unsigned)number_of(entry, "major", 0), (unsigned)number_of(entry, "minor", 0)),
      .uid = (uid_t)number_of(entry, "uid", 0), .gid = (gid_t)number_of(entry, "gid", 0)};
  }
  return 0;
}

static int read_limits(json_t *array, struct process_spec *process, struct error *err) {
  static const char *const names[RLIM_NLIMITS] = {
    [RLIMIT_CPU] = "RLIMIT_CPU", [RLIMIT_FSIZE] = "RLIMIT_FSIZE", [RLIMIT_DATA] = "RLIMIT_DATA", [RLIMIT_STACK] = "RLIMIT_STACK",
    [RLIMIT_CORE] = "RLIMIT_CORE", [RLIMIT_RSS] = "RLIMIT_RSS", [RLIMIT_NPROC] = "RLIMIT_NPROC", [RLIMIT_NOFILE] = "RLIMIT_NOFILE",
    [RLIMIT_MEMLOCK] = "RLIMIT_MEMLOCK", [RLIMIT_AS] = "RLIMIT_AS", [RLIMIT_LOCKS] = "RLIMIT_LOCKS", [RLIMIT_SIGPENDING] = "RLIMIT_SIGPENDING",
    [RLIMIT_MSGQUEUE] = "RLIMIT_MSGQUEUE", [RLIMIT_NICE] = "RLIMIT_NICE", [RLIMIT_RTPRIO] = "RLIMIT_RTPRIO", [RLIMIT_RTTIME] = "RLIMIT_RTTIME",
  };
  process->limit_count = json_array_size(array);
  process->limits = arena_alloc(process->limit_count * sizeof *process->limits);
  for (size_t i = 0; i < process->limit_count; i++) {
    json_t *entry = json_array_get(array, i);
    const char *type = text_of(entry, "type");
    int resource = 0;
    while (resource < RLIM_NLIMITS && (!type || strcmp(type, names[resource]) != 0)) resource++;
    if (resource == RLIM_NLIMITS) return error_text(err, "config.json: process.rlimits: unknown type \"%s\"", type ? type : "");
    process->limits[i] = (struct limit){.resource = resource, .name = names[resource], .value = {
      .rlim_cur = (rlim_t)number_of(entry, "soft", -1), .rlim_max = (rlim_t)number_of(entry, "hard", -1)}};
  }
  return 0;
}

static int read_process(json_t *object, json_t *annotations, struct process_spec *process, struct error *err) {
  if (!json_is_object(object)) return wrong(err, "process", "missing");
  json_t *user = json_object_get(object, "user"), *gids = json_object_get(user, "additionalGids"), *oom = json_object_get(object, "oomScoreAdj");
  json_t *size = json_object_get(object, "consoleSize");
  const char *init = text_of(annotations, "io.bayplan.init");
  *process = (struct process_spec){
    .args = (char **)texts_of(json_object_get(object, "args")), .env = (char **)texts_of(json_object_get(object, "env")), .cwd = text_of(object, "cwd"),
    .user = text_of(annotations, "io.bayplan.user"), .groups = text_of(annotations, "io.bayplan.groups"),
    .uid = (uid_t)number_of(user, "uid", 0), .gid = (gid_t)number_of(user, "gid", 0), .gid_count = json_array_size(gids),
    .umask = (mode_t)number_of(user, "umask", 022), .no_new_privs = json_is_true(json_object_get(object, "noNewPrivileges")),
    .terminal = json_is_true(json_object_get(object, "terminal")), .columns = (unsigned)number_of(size, "width", 0), .rows = (unsigned)number_of(size, "height", 0),
    .init = init && strcmp(init, "true") == 0, .has_oom = json_is_integer(oom), .oom_score_adj = (int)json_integer_value(oom)};
  if (!process->args || !process->args[0]) return wrong(err, "process.args", "nothing to run");
  if (!process->env) return wrong(err, "process.env", "not an array of strings");
  if (!process->cwd || *process->cwd != '/') return wrong(err, "process.cwd", "not an absolute path");
  const char *label = text_of(object, "apparmorProfile"), *selinux = text_of(object, "selinuxLabel");
  if ((label && *label) || (selinux && *selinux)) return wrong(err, "process", "AppArmor and SELinux labels are not supported");
  process->gids = arena_alloc(process->gid_count * sizeof *process->gids);
  for (size_t i = 0; i < process->gid_count; i++) process->gids[i] = (gid_t)json_integer_value(json_array_get(gids, i));
  json_t *caps = json_object_get(object, "capabilities");
  process->has_caps = json_is_object(caps);
  static const char *const sets[CAP_SETS] = {"bounding", "effective", "inheritable", "permitted", "ambient"};
  for (int set = 0; set < CAP_SETS && caps; set++) {
    size_t i;
    json_t *name;
    json_array_foreach(json_object_get(caps, sets[set]), i, name) {
      int number = caps_number(json_string_value(name));
      if (number < 0) return error_text(err, "config.json: process.capabilities.%s: unknown capability \"%s\"", sets[set], json_string_value(name));
      process->caps[set] |= 1ull << number;
    }
  }
  return read_limits(json_object_get(object, "rlimits"), process, err);
}

static json_t *load(const char *path, struct error *err) {
  json_error_t where;
  json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
  if (!root) error_text(err, "%s: line %d: %s", path, where.line, where.text);
  return root;
}

int config_read_process(const char *path, struct process_spec *process, struct error *err) {
  json_t *root = load(path, err);
  return root ? read_process(root, json_object_get(root, "annotations"), process, err) : -1;
}

int config_read(const char *bundle, struct config *config, struct error *err) {
  char *path = arena_format("%s/config.json", bundle);
  json_t *top = load(path, err);
  if (!top) return -1;
  json_t *root = json_object_get(top, "root"), *annotations = json_object_get(top, "annotations"), *linux_part = json_object_get(top, "linux");
  *config = (struct config){
    .root = text_of(root, "path"), .root_readonly = json_is_true(json_object_get(root, "readonly")),
    .overlay = text_of(annotations, "io.bayplan.overlay"), .overlay_cwd = text_of(annotations, "io.bayplan.overlay.cwd"),
    .root_propagation = text_of(linux_part, "rootfsPropagation"), .hostname = text_of(top, "hostname"), .domainname = text_of(top, "domainname"),
    .masked = texts_of(json_object_get(linux_part, "maskedPaths")), .readonly = texts_of(json_object_get(linux_part, "readonlyPaths")),
    .cgroups_path = text_of(linux_part, "cgroupsPath"), .seccomp = json_object_get(linux_part, "seccomp"),
    .seccomp_bpf = text_of(annotations, "io.bayplan.seccomp.bpf")};
  if (!config->root || !*config->root) return wrong(err, "root.path", "missing");
  if (*config->root != '/') config->root = arena_format("%s/%s", bundle, config->root);
  if (!config->masked || !config->readonly) return wrong(err, "linux", "maskedPaths and readonlyPaths are arrays of strings");
  if (json_object_size(json_object_get(top, "hooks"))) return wrong(err, "hooks", "not supported");
  json_t *sysctl = json_object_get(linux_part, "sysctl"), *value;
  const char *key;
  config->sysctls = arena_alloc(json_object_size(sysctl) * sizeof *config->sysctls);
  json_object_foreach(sysctl, key, value) {
    if (!json_is_string(value)) return wrong(err, key, "a sysctl's value is a string");
    config->sysctls[config->sysctl_count++] = (struct pair){key, json_string_value(value)};
  }
  if (read_namespaces(json_object_get(linux_part, "namespaces"), config, err) < 0) return -1;
  if (read_mounts(json_object_get(top, "mounts"), config, err) < 0) return -1;
  if (read_devices(json_object_get(linux_part, "devices"), config, err) < 0) return -1;
  if (config_read_resources(json_object_get(linux_part, "resources"), &config->resources, err) < 0) return -1;
  return read_process(json_object_get(top, "process"), annotations, &config->process, err);
}
