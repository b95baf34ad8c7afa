#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arena.h"
#include "cgroup.h"
#include "cgroup_limits.h"

#define MOST 65536

static void gather(const char *folder, int *pids, size_t *count) {
  char path[4300];
  snprintf(path, sizeof path, "%s/cgroup.procs", folder);
  FILE *list = fopen(path, "re");
  for (int pid; list && *count < MOST && fscanf(list, "%d", &pid) == 1;) pids[(*count)++] = pid;
  if (list) fclose(list);
  DIR *dir = opendir(folder);
  for (struct dirent *entry; dir && (entry = readdir(dir));) {
    if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
    if (snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) < (int)sizeof path) gather(path, pids, count);
  }
  if (dir) closedir(dir);
}

int *cgroup_processes(const char *path, size_t *count, struct error *err) {
  /* Several hierarchies hold the same processes; one that is there will do. */
  static const char *const tops[] = {CGROUP_TOP, CGROUP_TOP "/unified", CGROUP_TOP "/pids", CGROUP_TOP "/memory", CGROUP_TOP "/freezer", CGROUP_TOP "/cpu"};
  int *pids = arena_alloc(MOST * sizeof *pids);
  char folder[4200];
  *count = 0;
  if (!pids) { error_text(err, "out of memory"); return NULL; }
  for (size_t i = 0; path && i < sizeof tops / sizeof *tops; i++) {
    snprintf(folder, sizeof folder, "%s%s%s", tops[i], *path == '/' ? "" : "/", path);
    DIR *dir = opendir(folder);
    if (!dir) continue;
    closedir(dir);
    gather(folder, pids, count);
    break;
  }
  return pids;
}
