#include <inttypes.h>
#include <sched.h>
#include <string.h>
#include <stdlib.h>

#include "arena.h"
#include "caps.h"
#include "config.h"
#include "fields.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

struct rlimit_entry { const char *type; int64_t soft, hard; };

static int read_limits(json_t *array, struct process_spec *process, struct error *err) {
  static const char *const names[RLIM_NLIMITS] = {
    [RLIMIT_CPU] = "RLIMIT_CPU", [RLIMIT_FSIZE] = "RLIMIT_FSIZE", [RLIMIT_DATA] = "RLIMIT_DATA", [RLIMIT_STACK] = "RLIMIT_STACK",
    [RLIMIT_CORE] = "RLIMIT_CORE", [RLIMIT_RSS] = "RLIMIT_RSS", [RLIMIT_NPROC] = "RLIMIT_NPROC", [RLIMIT_NOFILE] = "RLIMIT_NOFILE",
    [RLIMIT_MEMLOCK] = "RLIMIT_MEMLOCK", [RLIMIT_AS] = "RLIMIT_AS", [RLIMIT_LOCKS] = "RLIMIT_LOCKS", [RLIMIT_SIGPENDING] = "RLIMIT_SIGPENDING",
    [RLIMIT_MSGQUEUE] = "RLIMIT_MSGQUEUE", [RLIMIT_NICE] = "RLIMIT_NICE", [RLIMIT_RTPRIO] = "RLIMIT_RTPRIO", [RLIMIT_RTTIME] = "RLIMIT_RTTIME",
  };
  static const struct field fields[] = {
    {"type", FIELD_TEXT, offsetof(struct rlimit_entry, type)}, {"soft", FIELD_INTEGER, offsetof(struct rlimit_entry, soft)}, {"hard", FIELD_INTEGER, offsetof(struct rlimit_entry, hard)}, {0},
  };
  static const char where[] = "config.json: process.rlimits";
  struct rlimit_entry *entries;
  unsigned seen = 0;
  if (fields_list(array, where, fields, sizeof *entries, NULL, &entries, &process->limit_count, err) < 0) return -1;
  process->limits = arena_alloc(process->limit_count * sizeof *process->limits + 1);
  if (!process->limits) return error_text(err, "%s: out of memory", where);
  for (size_t i = 0; i < process->limit_count; i++) {
    const char *type = entries[i].type ? entries[i].type : "";
    int resource = 0;
    while (resource < RLIM_NLIMITS && strcmp(type, names[resource]) != 0) resource++;
    if (resource == RLIM_NLIMITS) return error_text(err, "%s: unknown type \"%s\"", where, type);
    if (seen >> resource & 1) return error_text(err, "%s: two of type %s", where, type);
    seen |= 1u << resource;
    process->limits[i] = (struct limit){.resource = resource, .name = names[resource], .value = {.rlim_cur = (rlim_t)entries[i].soft, .rlim_max = (rlim_t)entries[i].hard}};
    if (process->limits[i].value.rlim_cur > process->limits[i].value.rlim_max)
      return error_text(err, "%s: %s: soft (%lld) is more than hard (%lld)", where, type, (long long)entries[i].soft, (long long)entries[i].hard);
  }
  return 0;
}

static int read_caps(json_t *object, struct process_spec *process, struct error *err) {
  static const char *const sets[CAP_SETS] = {"bounding", "effective", "inheritable", "permitted", "ambient"};
  process->has_caps = object != NULL;
  for (int set = 0; set < CAP_SETS && object; set++) {
    const struct field field[] = {{sets[set], FIELD_TEXTS, 0}, {0}};
    const char **names = NULL;
    if (fields_read(object, "config.json: process.capabilities", field, &names, err) < 0) return -1;
    for (; names && *names; names++) {
      int number = caps_number(*names);
      if (number >= 0) process->caps[set] |= 1ull << number;
      else process->unknown_caps = process->unknown_caps ? arena_format("%s, %s", process->unknown_caps, *names) : *names;
    }
  }
  return 0;
}

struct user_entry { uint32_t uid, gid, umask; json_t *gids; };

static int read_user(json_t *object, struct process_spec *process, struct error *err) {
  static const struct field fields[] = {
    {"uid", FIELD_UINT32, offsetof(struct user_entry, uid)}, {"gid", FIELD_UINT32, offsetof(struct user_entry, gid)},
    {"umask", FIELD_UINT32, offsetof(struct user_entry, umask)}, {"additionalGids", FIELD_ARRAY, offsetof(struct user_entry, gids)}, {0},
  };
  struct user_entry user = {.umask = 022};
  if (fields_read(object, "config.json: process.user", fields, &user, err) < 0) return -1;
  process->uid = user.uid;
  process->gid = user.gid;
  process->umask = (mode_t)user.umask & 0777;
  process->gid_count = json_array_size(user.gids);
  process->gids = arena_alloc(process->gid_count * sizeof *process->gids + 1);
  if (!process->gids) return error_text(err, "config.json: process.user: out of memory");
  for (size_t i = 0; i < process->gid_count; i++) {
    json_t *gid = json_array_get(user.gids, i);
    if (!json_is_integer(gid) || json_integer_value(gid) < 0 || json_integer_value(gid) > UINT32_MAX) return error_text(err, "config.json: process.user.additionalGids: numbers from 0 to 4294967295 are wanted");
    process->gids[i] = (gid_t)json_integer_value(gid);
  }
  return 0;
}

struct scheduler_entry { const char *policy; const char **flags; int64_t nice, priority, runtime, deadline, period; };

#define ABSENT INT64_MIN
#define SHORTEST_RUNTIME 1024u /* ns, as the kernel counts */

/* As sched_setattr(2) wants them, which says no more than that an argument is invalid. */
static int check_deadline(const char *where, const struct scheduler_entry *entry, struct error *err) {
  static const char says[] = "sched_setattr: `SCHED_DEADLINE`";
  uint64_t runtime = (uint64_t)entry->runtime, deadline = (uint64_t)entry->deadline, period = entry->period == ABSENT ? 0 : (uint64_t)entry->period;
  if (entry->runtime == ABSENT || entry->deadline == ABSENT) return error_text(err, "%s: %s requires `%s`", where, says, entry->runtime == ABSENT ? "runtime" : "deadline");
  if (!runtime) return error_text(err, "%s: %s runtime must be greater than 0", where, says);
  if (runtime < SHORTEST_RUNTIME || runtime > INT64_MAX) return error_text(err, "%s: %s runtime %" PRIu64 " must be between %u and %" PRId64, where, says, runtime, SHORTEST_RUNTIME, INT64_MAX);
  if (runtime > deadline) return error_text(err, "%s: %s runtime %" PRIu64 " must be <= deadline %" PRIu64, where, says, runtime, deadline);
  if (period && deadline > period) return error_text(err, "%s: %s deadline %" PRIu64 " must be <= period %" PRIu64, where, says, deadline, period);
  return 0;
}

static uint64_t given(int64_t value) { return value == ABSENT ? 0 : (uint64_t)value; }

static int read_scheduler(json_t *object, struct scheduler *scheduler, struct error *err) {
  static const struct field fields[] = {
    {"policy", FIELD_TEXT, offsetof(struct scheduler_entry, policy)}, {"flags", FIELD_TEXTS, offsetof(struct scheduler_entry, flags)},
    {"nice", FIELD_INTEGER, offsetof(struct scheduler_entry, nice)}, {"priority", FIELD_INTEGER, offsetof(struct scheduler_entry, priority)},
    {"runtime", FIELD_INTEGER, offsetof(struct scheduler_entry, runtime)}, {"deadline", FIELD_INTEGER, offsetof(struct scheduler_entry, deadline)},
    {"period", FIELD_INTEGER, offsetof(struct scheduler_entry, period)}, {0},
  };
  static const struct { const char *name; uint32_t value; } policies[] = {
    {"SCHED_OTHER", SCHED_OTHER}, {"SCHED_FIFO", SCHED_FIFO}, {"SCHED_RR", SCHED_RR}, {"SCHED_BATCH", SCHED_BATCH}, {"SCHED_ISO", 4}, {"SCHED_IDLE", SCHED_IDLE}, {"SCHED_DEADLINE", 6},
  };
  static const struct { const char *name; uint64_t value; } flags[] = {
    {"SCHED_FLAG_RESET_ON_FORK", 1}, {"SCHED_FLAG_RECLAIM", 2}, {"SCHED_FLAG_DL_OVERRUN", 4}, {"SCHED_FLAG_KEEP_POLICY", 8}, {"SCHED_FLAG_KEEP_PARAMS", 16},
    {"SCHED_FLAG_UTIL_CLAMP_MIN", 32}, {"SCHED_FLAG_UTIL_CLAMP_MAX", 64},
  };
  static const char where[] = "config.json: process.scheduler";
  struct scheduler_entry entry = {.runtime = ABSENT, .deadline = ABSENT, .period = ABSENT};
  if (!object) return 0;
  if (fields_read(object, where, fields, &entry, err) < 0) return -1;
  size_t policy = 0;
  while (policy < COUNT(policies) && (!entry.policy || strcmp(entry.policy, policies[policy].name) != 0)) policy++;
  if (policy == COUNT(policies)) return error_text(err, "%s.policy: unknown \"%s\"", where, entry.policy ? entry.policy : "");
  *scheduler = (struct scheduler){.set = true, .policy = policies[policy].value, .nice = (int32_t)entry.nice, .priority = (uint32_t)entry.priority,
    .runtime = given(entry.runtime), .deadline = given(entry.deadline), .period = given(entry.period)};
  if (entry.nice < -20 || entry.nice > 19) return error_text(err, "%s.nice: -20 to 19 is wanted", where);
  if (entry.priority && policies[policy].value != SCHED_FIFO && policies[policy].value != SCHED_RR) return error_text(err, "%s.priority: only SCHED_FIFO and SCHED_RR have one", where);
  bool timed = scheduler->runtime || scheduler->deadline || scheduler->period;
  if (timed && policies[policy].value != 6) return error_text(err, "%s: only SCHED_DEADLINE has runtime, deadline and period", where);
  if (policies[policy].value == 6 && check_deadline(where, &entry, err) < 0) return -1;
  for (const char **name = entry.flags; name && *name; name++) {
    size_t flag = 0;
    while (flag < COUNT(flags) && strcmp(*name, flags[flag].name) != 0) flag++;
    if (flag == COUNT(flags)) return error_text(err, "%s.flags: unknown \"%s\"", where, *name);
    scheduler->flags |= flags[flag].value;
  }
  return 0;
}

struct io_entry { const char *class; int64_t priority; };

static int read_io_priority(json_t *object, struct process_spec *process, struct error *err) {
  static const struct field fields[] = {{"class", FIELD_TEXT, offsetof(struct io_entry, class)}, {"priority", FIELD_INTEGER, offsetof(struct io_entry, priority)}, {0}};
  struct io_entry entry = {0};
  if (!object) return 0;
  if (fields_read(object, "config.json: process.ioPriority", fields, &entry, err) < 0) return -1;
  const char *class = entry.class ? entry.class : "";
  int number = strcmp(class, "IOPRIO_CLASS_RT") == 0 ? 1 : strcmp(class, "IOPRIO_CLASS_BE") == 0 ? 2 : strcmp(class, "IOPRIO_CLASS_IDLE") == 0 ? 3 : 0;
  if (!number) return error_text(err, "config.json: process.ioPriority.class: unknown \"%s\"", class);
  if (entry.priority < 0 || entry.priority > 7) return error_text(err, "config.json: process.ioPriority.priority: 0 to 7 is wanted");
  process->io_priority = number << 13 | (int)entry.priority;
  return 0;
}

struct entry {
  bool terminal, no_new_privs;
  const char *cwd, *apparmor, *selinux;
  const char **args, **env;
  json_t *user, *size, *caps, *limits, *scheduler, *io, *affinity;
  int64_t oom;
};
struct size { uint32_t width, height; };

int config_process(json_t *object, json_t *annotations, struct process_spec *process, struct error *err) {
#define AT(member) offsetof(struct entry, member)
  static const struct field fields[] = {
    {"terminal", FIELD_BOOL, AT(terminal)}, {"noNewPrivileges", FIELD_BOOL, AT(no_new_privs)}, {"cwd", FIELD_TEXT, AT(cwd)},
    {"apparmorProfile", FIELD_TEXT, AT(apparmor)}, {"selinuxLabel", FIELD_TEXT, AT(selinux)}, {"args", FIELD_TEXTS, AT(args)}, {"env", FIELD_TEXTS, AT(env)},
    {"user", FIELD_OBJECT, AT(user)}, {"consoleSize", FIELD_OBJECT, AT(size)}, {"capabilities", FIELD_OBJECT, AT(caps)}, {"rlimits", FIELD_ARRAY, AT(limits)},
    {"scheduler", FIELD_OBJECT, AT(scheduler)}, {"ioPriority", FIELD_OBJECT, AT(io)}, {"execCPUAffinity", FIELD_OBJECT, AT(affinity)}, {"oomScoreAdj", FIELD_INTEGER, AT(oom)}, {0},
  };
#undef AT
  static const struct field sizes[] = {{"width", FIELD_UINT32, offsetof(struct size, width)}, {"height", FIELD_UINT32, offsetof(struct size, height)}, {0}};
  static const struct field affinity[] = {{"initial", FIELD_TEXT, offsetof(struct process_spec, first_cpus)}, {"final", FIELD_TEXT, offsetof(struct process_spec, cpus)}, {0}};
  static const struct field notes[] = {{"io.bayplan.user", FIELD_TEXT, offsetof(struct process_spec, user)}, {"io.bayplan.groups", FIELD_TEXT, offsetof(struct process_spec, groups)}, {0}};
  static const char where[] = "config.json: process";
  struct entry entry = {.oom = INT64_MIN};
  struct size size = {0};
  *process = (struct process_spec){.umask = 022};
  if (fields_read(object, where, fields, &entry, err) < 0 || fields_read(annotations, "config.json: annotations", notes, process, err) < 0) return -1;
  if (!entry.args || !entry.args[0]) return error_text(err, "%s.args: nothing to run", where);
  if (!entry.cwd || *entry.cwd != '/') return error_text(err, "%s.cwd: an absolute path is wanted", where);
  if (!entry.env && fields_texts(NULL, where, &entry.env, err) < 0) return -1;
  process->args = (char **)entry.args;
  process->env = (char **)entry.env;
  process->cwd = entry.cwd;
  process->no_new_privs = entry.no_new_privs;
  process->terminal = entry.terminal;
  process->apparmor = entry.apparmor && *entry.apparmor ? entry.apparmor : NULL;
  const char *init = json_string_value(json_object_get(annotations, "io.bayplan.init"));
  process->init = init && strcmp(init, "true") == 0;
  process->has_oom = entry.oom != INT64_MIN;
  process->oom_score_adj = (int)entry.oom;
  if (process->has_oom && (entry.oom < -1000 || entry.oom > 1000)) return error_text(err, "%s.oomScoreAdj: -1000 to 1000 is wanted", where);
  if (entry.selinux && *entry.selinux) return error_text(err, "%s.selinuxLabel: SELinux is not supported", where);
  if (fields_read(entry.size, "config.json: process.consoleSize", sizes, &size, err) < 0) return -1;
  process->columns = size.width;
  process->rows = size.height;
  if (fields_read(entry.affinity, "config.json: process.execCPUAffinity", affinity, process, err) < 0) return -1;
  return read_user(entry.user, process, err) < 0 || read_caps(entry.caps, process, err) < 0 || read_limits(entry.limits, process, err) < 0
    || read_scheduler(entry.scheduler, &process->scheduler, err) < 0 || read_io_priority(entry.io, process, err) < 0 ? -1 : 0;
}
