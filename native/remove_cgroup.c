#include <getopt.h>
#include <string.h>

#include "arena.h"
#include "cgroup.h"
#include "core.h"

int cmd_remove_cgroup(int argc, char **argv) {
  static const struct option options[] = {{"cgroup", required_argument, NULL, 'c'}, {0}};
  const char *path = NULL;
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    if (option != 'c') return 2;
    path = optarg;
  }
  struct error err;
  if (!path || !path[strspn(path, "/")]) error_text(&err, "remove-cgroup: --cgroup names no cgroup below the root");
  else if (strstr(path, "..")) error_text(&err, "remove-cgroup: --cgroup %s: no \"..\" in it", path);
  else if (cgroup_remove(path, &err) == 0) return 0;
  error_write(2, &err);
  return 1;
}
