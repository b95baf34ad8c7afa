#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "cgroup.h"
#include "json_file.h"
#include "oci.h"

static const char usage[] = "update [--resources FILE|-] [--blkio-weight N] [--cpu-period US] [--cpu-quota US] [--cpu-burst US] [--cpu-rt-period US] [--cpu-rt-runtime US] [--cpu-share N] "
  "[--cpuset-cpus LIST] [--cpuset-mems LIST] [--cpu-idle 0|1] [--memory BYTES] [--memory-reservation BYTES] [--memory-swap BYTES] [--pids-limit N] ID";

/* Options as fields of the object that a file would hold: numbers, sizes (`64M`) and texts. */
enum kind { NUMBER, SIZE, TEXT };
static const struct { const char *part, *key; enum kind kind; } targets[] = {
  {"blockIO", "weight", NUMBER}, {"cpu", "period", NUMBER}, {"cpu", "quota", NUMBER}, {"cpu", "burst", NUMBER}, {"cpu", "realtimePeriod", NUMBER}, {"cpu", "realtimeRuntime", NUMBER},
  {"cpu", "shares", NUMBER}, {"cpu", "cpus", TEXT}, {"cpu", "mems", TEXT}, {"cpu", "idle", NUMBER}, {"memory", "limit", SIZE}, {"memory", "reservation", SIZE}, {"memory", "swap", SIZE},
  {"pids", "limit", NUMBER},
};
static const struct option options[] = {
  {"blkio-weight", required_argument, NULL, 0}, {"cpu-period", required_argument, NULL, 1}, {"cpu-quota", required_argument, NULL, 2}, {"cpu-burst", required_argument, NULL, 3},
  {"cpu-rt-period", required_argument, NULL, 4}, {"cpu-rt-runtime", required_argument, NULL, 5}, {"cpu-share", required_argument, NULL, 6}, {"cpu-shares", required_argument, NULL, 6},
  {"cpuset-cpus", required_argument, NULL, 7}, {"cpuset-mems", required_argument, NULL, 8}, {"cpu-idle", required_argument, NULL, 9}, {"memory", required_argument, NULL, 10},
  {"memory-reservation", required_argument, NULL, 11}, {"memory-swap", required_argument, NULL, 12}, {"pids-limit", required_argument, NULL, 13}, {"resources", required_argument, NULL, 'r'},
  {"kernel-memory", required_argument, NULL, 'k'}, {"kernel-memory-tcp", required_argument, NULL, 'k'}, {0},
};

static bool size_of(const char *text, enum kind kind, json_int_t *out) {
  static const char units[] = "bkmgt";
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  if (end == text || errno) return false;
  const char *unit = *end && kind == SIZE ? strchr(units, *end | 0x20) : NULL;
  if (unit) {
    long long scale = 1ll << (10 * (unit - units));
    if (value > (1ll << 62) / scale) return false;
    value *= scale;
    end++;
    if ((*end | 0x20) == 'b') end++;
  }
  *out = value;
  return !*end;
}

static int take(json_t *resources, const char *name, int index, const char *value, struct error *err) {
  json_int_t number = 0;
  json_t *part = json_object_get(resources, targets[index].part);
  if (targets[index].kind != TEXT && !size_of(value, targets[index].kind, &number)) return error_text(err, "--%s: \"%s\" is no number", name, value);
  if (!part) json_object_set_new(resources, targets[index].part, part = json_object());
  json_object_set_new(part, targets[index].key, targets[index].kind == TEXT ? json_string(value) : json_integer(number));
  return 0;
}

static int update(const struct container *container, json_t *object, struct error *err) {
  struct resources resources;
  enum container_status status = container_status(container);
  if (status == CONTAINER_STOPPED || !container->cgroup) return error_text(err, "container %s is not running: it has no limits to change", container->id);
  return config_read_resources(object, &resources, err) < 0 ? -1 : cgroup_update(container->cgroup, &resources, err);
}

int oci_update(int argc, char **argv) {
  struct container container;
  struct error err = {0};
  json_t *object = json_object();
  const char *file = NULL;
  for (int option, at = 0; (option = getopt_long(argc, argv, "r:", options, &at)) != -1;) {
    if (option == '?') return oci_usage(usage);
    if (option == 'r') file = optarg;
    else if (option == 'k') error_text(&err, "--%s is ignored: kernels have no such limit any more", options[at].name), oci_warn(&err);
    else if (take(object, options[at].name, option, optarg, &err) < 0) return oci_fail(&err, 1);
  }
  if (!oci_container(argc, argv, usage, &container)) return 1;
  if (file && !(object = json_file_read(strcmp(file, "-") == 0 ? "/proc/self/fd/0" : file, &err))) return oci_fail(&err, 1);
  return update(&container, object, &err) < 0 ? oci_fail(&err, 1) : 0;
}
