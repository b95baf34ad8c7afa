#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "cgroup.h"
#include "core.h"
#include "show_cpuset.h"

struct shown { int pid; unsigned long long start_time; };

static int limit(const char *path, const char *file, const struct shown *to, struct error *err) {
  json_error_t where;
  struct resources resources;
  if (!path || !path[strspn(path, "/")]) return error_text(err, "limit: --cgroup names no cgroup below the root");
  if (strstr(path, "..")) return error_text(err, "limit: --cgroup %s: no \"..\" in it", path);
  if (!file) return error_text(err, "limit: --resources names no file");
  json_t *object = json_load_file(file, JSON_REJECT_DUPLICATES, &where);
  if (!object) return error_text(err, "%s: line %d: %s", file, where.line, where.text);
  if (config_read_resources(object, &resources, err) < 0 || cgroup_update(path, &resources, err) < 0) return -1;
  return to->pid > 0 && (resources.cpus || resources.mems) ? show_cpuset(path, to->pid, to->start_time, err) : 0;
}

int cmd_limit(int argc, char **argv) {
  static const struct option options[] = {{"cgroup", required_argument, NULL, 'c'}, {"resources", required_argument, NULL, 'r'}, {"pid", required_argument, NULL, 'p'}, {"start-time", required_argument, NULL, 't'}, {0}};
  struct shown to = {0};
  const char *path = NULL, *file = NULL;
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (option) {
    case 'c': path = optarg; break;
    case 'r': file = optarg; break;
    case 'p': to.pid = atoi(optarg); break;
    case 't': to.start_time = strtoull(optarg, NULL, 10); break;
    default: return 2;
  }
  struct error err;
  arena_open();
  if (limit(path, file, &to, &err) == 0) return 0;
  error_write(2, &err);
  return 1;
}
