#include "cgroup_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices.h"
#include "file.h"

const char *const cgroup_v1_names[V1_COUNT] = {"memory", "cpu", "cpuacct", "pids", "devices", "freezer", "blkio", "cpuset", "hugetlb", "net_cls", "net_prio"};

/* A file of the container's cgroup, and what is written there. */
struct place { int folder; const char *where; };

/* From errno. */
static int not_set(struct place at, const char *file, const char *value, struct error *err) {
  char path[4200];
  snprintf(path, sizeof path, "%s/%s", at.where, file);
  int saved = errno;
  error_errno(err, "write", path);
  snprintf(err->text, sizeof err->text, "write %.60s to %.380s: %s%s", value, path, strerror(saved),
    saved == EBUSY ? " (more than that is in use)" : saved == ERANGE && strncmp(file, "cpuset.", 7) == 0 ? " (this machine has fewer)"
    : saved == ENOENT && strncmp(file, "hugetlb.", 8) == 0 ? " (the machine has no huge pages of that size)" : saved == EINVAL && strstr(file, "memsw") ? " (memory and swap together, which are not less than memory)" : saved == ENODEV ? " (no such disk; partitions have no limits of their own)" : saved == EOPNOTSUPP ? " (the disk's I/O scheduler knows no weights; bfq does)" : "");
  return -1;
}

static int set_text(struct place at, const char *file, const char *value, struct error *err) {
  return file_write_at(at.folder, file, value) < 0 ? not_set(at, file, value, err) : 0;
}

static int set(struct place at, const char *file, int64_t value, struct error *err) {
  char text[32];
  snprintf(text, sizeof text, "%" PRId64, value);
  return set_text(at, file, text, err);
}

/* -1 is "not set" here; the kernel's word for no limit in version 1 is -1 too, in version 2 it is max. */
static int set_v1(struct place at, const char *file, int64_t value, struct error *err) { return value == -1 ? 0 : set(at, file, value == -2 ? -1 : value, err); }
static int set_v2(struct place at, const char *file, int64_t value, struct error *err) { return value == -1 ? 0 : value == -2 ? set_text(at, file, "max", err) : set(at, file, value, err); }

static bool has(struct place at, const char *file) { return faccessat(at.folder, file, W_OK, 0) == 0; }

/* Memory without a limit has no limit together with swap either, unless one is said. */
static int64_t swap_of(const struct resources *r) { return r->memory == -2 && r->memory_swap == -1 ? -2 : r->memory_swap; }

/* Memory never above memory and swap together, at no moment: whichever of the two moves away from the other goes first. */
static int limit_memory_and_swap_v1(struct place at, const struct resources *r, struct error *err) {
  int64_t both = swap_of(r);
  bool swap = both != -1 && has(at, "memory.memsw.limit_in_bytes"); /* kernels without swap accounting limit memory alone, as Docker does there */
  if (swap && set_v1(at, "memory.memsw.limit_in_bytes", both, err) == 0) swap = false;
  if (set_v1(at, "memory.limit_in_bytes", r->memory, err) < 0) return -1;
  return swap ? set_v1(at, "memory.memsw.limit_in_bytes", both, err) : 0;
}

static int limit_memory_v1(struct place at, const struct resources *r, struct error *err) {
  if (limit_memory_and_swap_v1(at, r, err) < 0 || set_v1(at, "memory.soft_limit_in_bytes", r->memory_reservation, err) < 0) return -1;
  if (r->has_oom_kill_disable && set(at, "memory.oom_control", r->oom_kill_disable, err) < 0) return -1;
  return set_v1(at, "memory.swappiness", r->swappiness, err);
}

/* What was said, else what the kernel has there; -2: no limit. */
static int64_t said_or_there(struct place at, const char *file, int64_t said) {
  char text[64];
  if (said != -1) return said;
  return file_read_at(at.folder, file, text, sizeof text) <= 0 || text[0] == 'm' ? -2 : atoll(text);
}

static int64_t read_number(const char *path) {
  char text[64];
  return file_read_at(AT_FDCWD, path, text, sizeof text) > 0 ? atoll(text) : -1;
}

/* Real time is handed down: each parent needs as much of its period as its children have of theirs together, and a fresh one has none. */
static void hand_down_realtime(const char *where, int64_t runtime, int64_t period) {
  const char *begin = where + strlen(CGROUP_TOP "/");
  for (const char *slash = strchr(begin, '/'); slash && (slash = strchr(slash + 1, '/'));) {
    char path[4200], text[32];
    snprintf(path, sizeof path, "%.*s/cpu.rt_period_us", (int)(slash - where), where);
    int64_t share = runtime * read_number(path) / period + 1;
    snprintf(path, sizeof path, "%.*s/cpu.rt_runtime_us", (int)(slash - where), where);
    snprintf(text, sizeof text, "%" PRId64, read_number(path) + share);
    (void)!file_write_at(AT_FDCWD, path, text); /* the container's own write tells */
  }
}

/* One of the two, with what its share of the time then is: the parents may have to have more. */
static int set_realtime(struct place at, const char *file, int64_t value, int64_t runtime, int64_t period, struct error *err) {
  struct error first;
  if (set(at, file, value, &first) == 0) return 0;
  if (first.errnum == EINVAL && runtime <= period) hand_down_realtime(at.where, runtime, period);
  return set(at, file, value, err);
}

static int limit_realtime_v1(struct place at, const struct resources *r, struct error *err) {
  static const char period_file[] = "cpu.rt_period_us", runtime_file[] = "cpu.rt_runtime_us";
  if (r->rt_period == -1 && r->rt_runtime == -1) return 0;
  int64_t period = said_or_there(at, period_file, r->rt_period), runtime = r->rt_runtime == -2 ? 0 : said_or_there(at, runtime_file, r->rt_runtime);
  int64_t old = said_or_there(at, runtime_file, -1);
  /* No runtime is longer than its period, at no moment. */
  bool longer = r->rt_period != -1 && period >= old;
  if (longer && set_realtime(at, period_file, period, old, period, err) < 0) return -1;
  if (r->rt_runtime != -1 && set_realtime(at, runtime_file, runtime, runtime, longer ? period : said_or_there(at, period_file, -1), err) < 0) return -1;
  return r->rt_period != -1 && !longer ? set_realtime(at, period_file, period, runtime, period, err) : 0;
}

static int limit_cpu_v1(struct place at, const struct resources *r, struct error *err) {
  if (set_v1(at, "cpu.shares", r->cpu_shares == -2 ? 1024 : r->cpu_shares, err) < 0) return -1;
  /* The quota that was there may not fit the new period: then the new one goes first. */
  bool behind = r->cpu_period != -1 && set_v1(at, "cpu.cfs_period_us", r->cpu_period, err) < 0;
  if (behind && r->cpu_quota == -1) return -1;
  if (set_v1(at, "cpu.cfs_quota_us", r->cpu_quota, err) < 0 || (behind && set_v1(at, "cpu.cfs_period_us", r->cpu_period, err) < 0)) return -1;
  if (r->cpu_burst != -1 && has(at, "cpu.cfs_burst_us") && set(at, "cpu.cfs_burst_us", r->cpu_burst, err) < 0) return -1;
  if (r->cpu_idle != -1 && set(at, "cpu.idle", r->cpu_idle, err) < 0) return -1;
  return limit_realtime_v1(at, r, err);
}

/* `files`: devices.deny and devices.allow, opened when the first rule goes there; each takes one rule a write. */
static int device_v1(struct place at, int files[2], const struct device_rule *rule, struct error *err) {
  char text[64], major[24] = "*", minor[24] = "*";
  const char *name = rule->allow ? "devices.allow" : "devices.deny";
  int *file = &files[rule->allow];
  if (rule->major >= 0) snprintf(major, sizeof major, "%ld", rule->major);
  if (rule->minor >= 0) snprintf(minor, sizeof minor, "%ld", rule->minor);
  if (rule->type == 'a') strcpy(text, "a");
  else snprintf(text, sizeof text, "%c %s:%s %.3s", rule->type, major, minor, rule->access);
  if (*file < 0) *file = openat(at.folder, name, O_WRONLY | O_CLOEXEC);
  return *file < 0 || write(*file, text, strlen(text)) < 0 ? not_set(at, name, text, err) : 0;
}

static int limit_devices_v1(struct place at, const struct resources *r, struct error *err) {
  int files[] = {-1, -1}, rc = 0;
  for (size_t i = 0; rc == 0 && i < r->device_count; i++) rc = device_v1(at, files, &r->devices[i], err);
  for (size_t i = 0; rc == 0 && r->device_count && i < devices_default_count; i++) rc = device_v1(at, files, &devices_default[i], err);
  for (int i = 0; i < 2; i++) if (files[i] >= 0) close(files[i]);
  return rc;
}

/* Empty cpuset files refuse every process: they take over the parent's, upwards too where a parent is fresh, and so does the container's where no choice is to be left. */
static int limit_cpuset_v1(struct place place, const struct resources *r, struct error *err) {
  const char *where = place.where;
  static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
  const char *const asked[] = {r->cpus, r->mems};
  for (int i = 0; i < 2; i++) {
    char path[4200], text[1024];
    for (const char *at = where + strlen(CGROUP_TOP "/cpuset/"); ; at++) {
      const char *slash = strchr(at, '/');
      at = slash ? slash : at + strlen(at);
      int length = (int)(at - where), above = length;
      snprintf(path, sizeof path, "%.*s/%s", length, where, files[i]);
      bool own = !slash && asked[i] && !*asked[i];
      if (own || (file_read_at(AT_FDCWD, path, text, sizeof text) > 0 && text[0] == '\n')) {
        while (where[above - 1] != '/') above--;
        char from[4200];
        snprintf(from, sizeof from, "%.*s%s", above, where, files[i]);
        if (file_read_at(AT_FDCWD, from, text, sizeof text) < 0 || file_write_at(AT_FDCWD, path, text) < 0) return error_errno(err, "write", path);
      }
      if (!slash) break;
    }
    if (asked[i] && *asked[i] && set_text(place, files[i], asked[i], err) < 0) return -1;
  }
  return 0;
}

/* bfq has files of its own, where the older scheduler's are missing. */
static const char *weight_file(struct place at, bool device) {
  if (has(at, device ? "blkio.weight_device" : "blkio.weight")) return device ? "blkio.weight_device" : "blkio.weight";
  return device ? "blkio.bfq.weight_device" : "blkio.bfq.weight";
}

/* A line a disk: `key`, and the number or, for 0, what takes it away. */
static int set_rates(struct place at, const char *file, const char *key, const char *none, const struct device_rate *rates, size_t count, struct error *err) {
  for (size_t i = 0; i < count; i++) {
    char text[96], number[32];
    snprintf(number, sizeof number, "%" PRIu64, rates[i].rate);
    snprintf(text, sizeof text, "%lu:%lu %s%s", rates[i].major, rates[i].minor, key, rates[i].rate ? number : none);
    if (set_text(at, file, text, err) < 0) return -1;
  }
  return 0;
}

static int limit_blkio_v1(struct place at, const struct resources *r, struct error *err) {
  static const char *const files[RATES] = {"blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device", "blkio.throttle.read_iops_device", "blkio.throttle.write_iops_device"};
  if (r->weight != -1 && set(at, weight_file(at, false), r->weight == -2 ? 100 : r->weight, err) < 0) return -1;
  if (r->leaf_weight > 0 && has(at, "blkio.leaf_weight") && set(at, "blkio.leaf_weight", r->leaf_weight, err) < 0) return -1;
  if (set_rates(at, weight_file(at, true), "", "default", r->weights, r->weight_count, err) < 0) return -1;
  if (has(at, "blkio.leaf_weight_device") && set_rates(at, "blkio.leaf_weight_device", "", "default", r->leaf_weights, r->leaf_weight_count, err) < 0) return -1;
  for (int i = 0; i < RATES; i++) if (set_rates(at, files[i], "", "0", r->rates[i], r->rate_count[i], err) < 0) return -1;
  return 0;
}

static int limit_huge(struct place at, const char *file, const struct resources *r, struct error *err) {
  for (size_t i = 0; i < r->huge_count; i++) {
    char name[64], text[32];
    snprintf(name, sizeof name, "hugetlb.%.32s.%s", r->huge[i].size, file);
    snprintf(text, sizeof text, "%" PRIu64, r->huge[i].limit);
    if (set_text(at, name, text, err) < 0) return -1;
  }
  return 0;
}

static int limit_priorities(struct place at, const struct resources *r, struct error *err) {
  for (size_t i = 0; i < r->priority_count; i++) {
    char text[64];
    snprintf(text, sizeof text, "%.32s %.24s", r->priorities[i].name, r->priorities[i].value);
    if (set_text(at, "net_prio.ifpriomap", text, err) < 0) return -1;
  }
  return 0;
}

bool cgroup_wants_v1(int which, const struct resources *r) {
  switch (which) {
    case V1_CPUSET: return r->cpus || r->mems;
    case V1_HUGETLB: return r->huge_count > 0;
    case V1_NET_CLS: return r->class_id > 0;
    case V1_NET_PRIO: return r->priority_count > 0;
    default: return true;
  }
}

int cgroup_limit_v1(int which, int folder, const char *where, const struct resources *r, struct error *err) {
  struct place at = {folder, where};
  switch (which) {
    case V1_MEMORY: return limit_memory_v1(at, r, err);
    case V1_CPU: return limit_cpu_v1(at, r, err);
    case V1_DEVICES: return limit_devices_v1(at, r, err);
    case V1_CPUSET: return limit_cpuset_v1(at, r, err);
    case V1_BLKIO: return limit_blkio_v1(at, r, err);
    case V1_PIDS: return set_v2(at, "pids.max", r->pids, err); /* its words are version 2's */
    case V1_HUGETLB: return limit_huge(at, "limit_in_bytes", r, err);
    case V1_NET_CLS: return set_v1(at, "net_cls.classid", r->class_id > 0 ? r->class_id : -1, err);
    case V1_NET_PRIO: return limit_priorities(at, r, err);
    default: return 0;
  }
}

static int limit_memory_v2(struct place at, const struct resources *r, struct error *err) {
  int64_t both = swap_of(r), memory = said_or_there(at, "memory.max", r->memory);
  if (both > 0 && memory < 0) return error_text(err, "memory and swap cannot be limited together without a limit of memory: cgroup v2 counts swap alone");
  if (set_v2(at, "memory.max", r->memory, err) < 0) return -1;
  if (r->memory_reservation != -1 && set(at, "memory.low", r->memory_reservation == -2 ? 0 : r->memory_reservation, err) < 0) return -1;
  if (both == -1 || !has(at, "memory.swap.max")) return 0;
  /* Here it is swap alone. */
  if (both == -2) return set_text(at, "memory.swap.max", "max", err);
  return set(at, "memory.swap.max", both > memory ? both - memory : 0, err);
}

static int limit_cpu_v2(struct place at, const struct resources *r, struct error *err) {
  char text[64];
  /* From 2…262144 to 1…10000. */
  if (r->cpu_shares != -1 && set(at, "cpu.weight", r->cpu_shares == -2 ? 100 : r->cpu_shares < 2 ? 1 : 1 + (r->cpu_shares - 2) * 9999 / 262142, err) < 0) return -1;
  if (r->cpu_idle != -1 && set(at, "cpu.idle", r->cpu_idle, err) < 0) return -1;
  if (r->cpu_quota == -1 && r->cpu_period == -1) return 0;
  int64_t quota = said_or_there(at, "cpu.max", r->cpu_quota), period = r->cpu_period;
  if (period <= 0 && (file_read_at(at.folder, "cpu.max", text, sizeof text) <= 0 || sscanf(text, "%*s %" SCNd64, &period) != 1)) period = 100000;
  if (quota < 0) snprintf(text, sizeof text, "max %" PRId64, period);
  else snprintf(text, sizeof text, "%" PRId64 " %" PRId64, quota, period);
  if (set_text(at, "cpu.max", text, err) < 0) return -1;
  return r->cpu_burst != -1 && has(at, "cpu.max.burst") ? set(at, "cpu.max.burst", r->cpu_burst, err) : 0;
}

/* bfq takes the specification's 10…1000 as they are, the general file 1…10000. */
static int limit_io_v2(struct place at, const struct resources *r, struct error *err) {
  static const char *const keys[RATES] = {"rbps=", "wbps=", "riops=", "wiops="};
  bool bfq = has(at, "io.bfq.weight");
  int64_t weight = r->weight == -2 ? 100 : bfq ? r->weight : 1 + (r->weight - 10) * 9999 / 990;
  if (r->weight != -1 && set(at, bfq ? "io.bfq.weight" : "io.weight", weight, err) < 0) return -1;
  for (size_t i = 0; i < r->weight_count; i++) {
    struct device_rate one = r->weights[i];
    if (!bfq && one.rate) one.rate = 1 + (one.rate - 10) * 9999 / 990;
    if (set_rates(at, bfq ? "io.bfq.weight" : "io.weight", "", "default", &one, 1, err) < 0) return -1;
  }
  for (int i = 0; i < RATES; i++) if (set_rates(at, "io.max", keys[i], "max", r->rates[i], r->rate_count[i], err) < 0) return -1;
  return 0;
}

/* No choice is the parent's. Kernels before 6.6 take that away from nobody who runs: there it is all that the parent has now. */
static int set_choice(struct place at, const char *file, const char *value, struct error *err) {
  if (*value) return set_text(at, file, value, err);
  if (file_write_at(at.folder, file, "\n") >= 0) return 0;
  char above[64], text[1024];
  snprintf(above, sizeof above, "../%s.effective", file);
  if (errno != ENOSPC || file_read_at(at.folder, above, text, sizeof text) < 0) return not_set(at, file, "none", err);
  return set_text(at, file, text, err);
}

int cgroup_limit_v2(int folder, const char *where, const struct resources *r, struct error *err) {
  struct place at = {folder, where};
  if (limit_memory_v2(at, r, err) < 0 || limit_cpu_v2(at, r, err) < 0 || limit_io_v2(at, r, err) < 0) return -1;
  if (r->cpus && set_choice(at, "cpuset.cpus", r->cpus, err) < 0) return -1;
  if (r->mems && set_choice(at, "cpuset.mems", r->mems, err) < 0) return -1;
  if (set_v2(at, "pids.max", r->pids, err) < 0 || limit_huge(at, "max", r, err) < 0) return -1;
  for (size_t i = 0; i < r->unified_count; i++) if (set_text(at, r->unified[i].name, r->unified[i].value, err) < 0) return -1;
  return 0;
}

int cgroup_limit_huge_v2(int folder, const char *where, const struct resources *r, struct error *err) {
  return limit_huge((struct place){folder, where}, "max", r, err);
}

int cgroup_require(bool (*is_there)(int which, const void *of), const void *of, bool unified, const struct resources *r, struct error *err) {
  bool rates = false;
  for (int i = 0; i < RATES; i++) rates |= r->rate_count[i] > 0;
  const struct { int which; bool wanted; const char *what; } limits[] = {
    {V1_MEMORY, r->memory > 0 || r->memory_reservation > 0 || r->memory_swap > 0, "memory limit"},
    {V1_CPU, r->cpu_quota > 0 || r->cpu_period > 0 || r->cpu_shares > 0 || r->rt_runtime > 0, "cpu limit"},
    {V1_PIDS, r->pids > 0, "limit of processes"},
    {V1_CPUSET, r->cpus || r->mems, "choice of processors"},
    {V1_BLKIO, r->weight > 0 || r->weight_count || rates, "limit of disk input and output"},
    {V1_HUGETLB, r->huge_count > 0, "limit of huge pages"},
    {V1_NET_CLS, r->class_id > 0, "class of network packets"},
    {V1_NET_PRIO, r->priority_count > 0, "priority of network packets"},
  };
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    if (!limits[i].wanted || is_there(limits[i].which, of)) continue;
    const char *name = unified && limits[i].which == V1_BLKIO ? "io" : cgroup_v1_names[limits[i].which];
    return error_text(err, "the %s cannot be held: the cgroup controller %s is not %s; enable it in the kernel or drop the limit", limits[i].what, name,
      unified ? "in " CGROUP_TOP "/cgroup.controllers" : "mounted below " CGROUP_TOP);
  }
  if (unified && r->rt_runtime > 0) return error_text(err, "the share of real time cannot be held: cgroup v2 has none; drop cpu_rt_runtime");
  if (!unified && r->unified_count) return error_text(err, "linux.resources.unified is for cgroup v2, which is not alone on this machine");
  return 0;
}
