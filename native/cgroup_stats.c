#include "cgroup_stats.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"
#include "cgroup_limits.h"
#include "file.h"

/* The file of a v1 hierarchy, or of v2 where `controller` is NULL. */
static bool read_text(const char *controller, const char *path, const char *file, char *text, size_t size) {
  char name[4300];
  snprintf(name, sizeof name, CGROUP_TOP "%s%s%s%s/%s", controller ? "/" : "", controller ? controller : "", *path == '/' ? "" : "/", path, file);
  return file_read_at(AT_FDCWD, name, text, size) >= 0;
}

/* A number, or with `key` the one behind that word; `max` is the largest. -1: not told. */
static json_int_t number(const char *controller, const char *path, const char *file, const char *key) {
  char text[16384];
  if (!read_text(controller, path, file, text, sizeof text)) return -1;
  char *at = text;
  for (size_t length = key ? strlen(key) : 0; key; at++) {
    if (strncmp(at, key, length) == 0 && at[length] == ' ') { at += length + 1; break; }
    if (!(at = strchr(at, '\n'))) return -1;
  }
  unsigned long long value = strncmp(at, "max", 3) == 0 ? INT64_MAX : strtoull(at, NULL, 10);
  return value > INT64_MAX ? INT64_MAX : (json_int_t)value;
}

static void set(json_t *object, const char *key, json_int_t value) { if (value >= 0) json_object_set_new(object, key, json_integer(value)); }

static json_t *cpu(const char *path, bool v2) {
  json_t *usage = json_object(), *throttling = json_object();
  if (v2) {
    set(usage, "total", number(NULL, path, "cpu.stat", "usage_usec") * 1000);
    set(usage, "user", number(NULL, path, "cpu.stat", "user_usec") * 1000);
    set(usage, "kernel", number(NULL, path, "cpu.stat", "system_usec") * 1000);
  } else {
    set(usage, "total", number("cpuacct", path, "cpuacct.usage", NULL));
    set(usage, "user", number("cpuacct", path, "cpuacct.usage_user", NULL));
    set(usage, "kernel", number("cpuacct", path, "cpuacct.usage_sys", NULL));
  }
  const char *controller = v2 ? NULL : "cpu";
  set(throttling, "periods", number(controller, path, "cpu.stat", "nr_periods"));
  set(throttling, "throttledPeriods", number(controller, path, "cpu.stat", "nr_throttled"));
  json_int_t throttled = v2 ? number(NULL, path, "cpu.stat", "throttled_usec") : number("cpu", path, "cpu.stat", "throttled_time");
  set(throttling, "throttledTime", v2 && throttled > 0 ? throttled * 1000 : throttled);
  return json_pack("{s:o, s:o}", "usage", usage, "throttling", throttling);
}

/* Every line `NAME NUMBER` of memory.stat. */
static json_t *raw_memory(const char *path, bool v2) {
  char text[16384];
  json_t *raw = json_object();
  if (!read_text(v2 ? NULL : "memory", path, "memory.stat", text, sizeof text)) return raw;
  for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
    char *space = strchr(line, ' ');
    if (!space) continue;
    *space = 0;
    json_object_set_new(raw, line, json_integer(strtoll(space + 1, NULL, 10)));
  }
  return raw;
}

static json_t *memory(const char *path, bool v2) {
  json_t *usage = json_object(), *object = json_object();
  const char *controller = v2 ? NULL : "memory";
  set(usage, "limit", number(controller, path, v2 ? "memory.max" : "memory.limit_in_bytes", NULL));
  set(usage, "usage", number(controller, path, v2 ? "memory.current" : "memory.usage_in_bytes", NULL));
  set(usage, "max", number(controller, path, v2 ? "memory.peak" : "memory.max_usage_in_bytes", NULL));
  set(usage, "failcnt", v2 ? number(NULL, path, "memory.events", "max") : number("memory", path, "memory.failcnt", NULL));
  json_object_set_new(object, "usage", usage);
  json_object_set_new(object, "raw", raw_memory(path, v2));
  set(object, "cache", number(controller, path, "memory.stat", v2 ? "file" : "cache"));
  return object;
}

json_t *cgroup_stats(const char *path) {
  bool v2 = cgroup_pure_v2(NULL);
  json_t *pids = json_object();
  set(pids, "current", number(v2 ? NULL : "pids", path, "pids.current", NULL));
  set(pids, "limit", number(v2 ? NULL : "pids", path, "pids.max", NULL));
  return json_pack("{s:o, s:o, s:o}", "cpu", cpu(path, v2), "memory", memory(path, v2), "pids", pids);
}
