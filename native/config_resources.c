#include <inttypes.h>
#include <string.h>

#include "arena.h"
#include "config.h"

/* linux.resources of the runtime specification (config-linux.md, "Control groups"). */

static int wrong(struct error *err, const char *where, const char *what) { return error_text(err, "config.json: linux.resources.%s: %s", where, what); }

static const char *text_of(json_t *object, const char *key) { return json_string_value(json_object_get(object, key)); }

static int64_t number_of(json_t *object, const char *key, int64_t otherwise) {
  json_t *value = json_object_get(object, key);
  return json_is_integer(value) ? (int64_t)json_integer_value(value) : json_is_real(value) ? (int64_t)json_real_value(value) : otherwise;
}

/* 0 says nothing, less than that takes the limit away. */
static int64_t limit_of(json_t *object, const char *key) {
  int64_t value = number_of(object, key, 0);
  return value < 0 ? -2 : value == 0 ? -1 : value;
}

static int read_device_rules(json_t *array, struct resources *r, struct error *err) {
  r->device_count = json_array_size(array);
  r->devices = arena_alloc(r->device_count * sizeof *r->devices);
  for (size_t i = 0; i < r->device_count; i++) {
    json_t *entry = json_array_get(array, i);
    const char *type = text_of(entry, "type"), *access = text_of(entry, "access");
    if (type && (!*type || !strchr("abc", *type))) return wrong(err, "devices", "a type is none of a, b, c");
    if (access && access[strspn(access, "rwm")]) return wrong(err, "devices", "an access is not made of r, w and m");
    r->devices[i] = (struct device_rule){.allow = json_is_true(json_object_get(entry, "allow")), .type = type ? *type : 'a',
      .major = (long)number_of(entry, "major", -1), .minor = (long)number_of(entry, "minor", -1), .access = access ? access : "rwm"};
  }
  return 0;
}

/* Entries with `major`, `minor` and a number; those without one are left out. */
static struct device_rate *read_rates(json_t *array, const char *key, size_t *count) {
  struct device_rate *rates = arena_alloc((json_array_size(array) + 1) * sizeof *rates);
  size_t i;
  json_t *entry;
  *count = 0;
  json_array_foreach(array, i, entry) if (rates && json_is_number(json_object_get(entry, key)))
    rates[(*count)++] = (struct device_rate){(unsigned long)number_of(entry, "major", 0), (unsigned long)number_of(entry, "minor", 0), (uint64_t)number_of(entry, key, 0)};
  return rates;
}

static void read_block_io(json_t *object, struct resources *r) {
  static const char *const names[RATES] = {"throttleReadBpsDevice", "throttleWriteBpsDevice", "throttleReadIOPSDevice", "throttleWriteIOPSDevice"};
  json_t *devices = json_object_get(object, "weightDevice");
  r->weight = limit_of(object, "weight");
  r->leaf_weight = number_of(object, "leafWeight", -1);
  r->weights = read_rates(devices, "weight", &r->weight_count);
  r->leaf_weights = read_rates(devices, "leafWeight", &r->leaf_weight_count);
  for (int i = 0; i < RATES; i++) r->rates[i] = read_rates(json_object_get(object, names[i]), "rate", &r->rate_count[i]);
}

static int read_huge(json_t *array, struct resources *r, struct error *err) {
  r->huge_count = json_array_size(array);
  r->huge = arena_alloc(r->huge_count * sizeof *r->huge);
  for (size_t i = 0; i < r->huge_count; i++) {
    json_t *entry = json_array_get(array, i);
    const char *size = text_of(entry, "pageSize");
    if (!size || strchr(size, '/')) return wrong(err, "hugepageLimits", "a pageSize is no size such as 2MB");
    r->huge[i] = (struct huge_limit){size, (uint64_t)number_of(entry, "limit", 0)};
  }
  return 0;
}

static int read_unified(json_t *object, struct resources *r, struct error *err) {
  const char *key;
  json_t *value;
  r->unified = arena_alloc(json_object_size(object) * sizeof *r->unified);
  json_object_foreach(object, key, value) {
    if (!json_is_string(value) || strchr(key, '/')) return wrong(err, "unified", "expected names of files and what to write to them");
    r->unified[r->unified_count++] = (struct pair){key, json_string_value(value)};
  }
  return 0;
}

static void read_network(json_t *object, struct resources *r) {
  size_t i;
  json_t *entry, *array = json_object_get(object, "priorities");
  r->class_id = number_of(object, "classID", -1);
  r->priorities = arena_alloc(json_array_size(array) * sizeof *r->priorities);
  json_array_foreach(array, i, entry) if (text_of(entry, "name"))
    r->priorities[r->priority_count++] = (struct pair){text_of(entry, "name"), arena_format("%" PRId64, number_of(entry, "priority", 0))};
}

int config_read_resources(json_t *object, struct resources *r, struct error *err) {
  json_t *memory = json_object_get(object, "memory"), *cpu = json_object_get(object, "cpu"), *disable = json_object_get(memory, "disableOOMKiller");
  *r = (struct resources){
    .memory = limit_of(memory, "limit"), .memory_reservation = limit_of(memory, "reservation"), .memory_swap = limit_of(memory, "swap"), .swappiness = number_of(memory, "swappiness", -1),
    .oom_kill_disable = json_is_true(disable), .has_oom_kill_disable = json_is_boolean(disable),
    .cpu_quota = limit_of(cpu, "quota"), .cpu_period = limit_of(cpu, "period"), .cpu_shares = limit_of(cpu, "shares"), .cpu_burst = number_of(cpu, "burst", -1), .cpu_idle = number_of(cpu, "idle", -1),
    .rt_runtime = limit_of(cpu, "realtimeRuntime"), .rt_period = limit_of(cpu, "realtimePeriod"),
    .cpus = text_of(cpu, "cpus"), .mems = text_of(cpu, "mems"), .pids = limit_of(json_object_get(object, "pids"), "limit")};
  if (json_object_get(cpu, "idle") && (r->cpu_idle < 0 || r->cpu_idle > 1)) return wrong(err, "cpu.idle", "expected 0 or 1");
  if (r->swappiness > 100) return wrong(err, "memory.swappiness", "expected a number from 0 to 100");
  read_block_io(json_object_get(object, "blockIO"), r);
  read_network(json_object_get(object, "network"), r);
  if (read_huge(json_object_get(object, "hugepageLimits"), r, err) < 0 || read_unified(json_object_get(object, "unified"), r, err) < 0) return -1;
  return read_device_rules(json_object_get(object, "devices"), r, err);
}
