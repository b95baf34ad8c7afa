#include "cgroup_places.h"

#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "arena.h"

#define TOP CGROUP_TOP

static bool is_type(const char *path, long magic) {
  struct statfs info;
  return statfs(path, &info) == 0 && info.f_type == magic;
}
bool cgroup_v2_alone(void) {
  static int known = -1; /* it does not change while a process lives */
  if (known < 0) known = is_type(TOP, CGROUP2_SUPER_MAGIC);
  return known;
}

bool cgroup_hierarchy(int which, char *out) {
  bool pure = cgroup_v2_alone();
  if (which == CGROUP_UNIFIED) {
    strcpy(out, pure ? TOP : TOP "/unified");
    return pure || is_type(out, CGROUP2_SUPER_MAGIC);
  }
  snprintf(out, 64, TOP "/%s", cgroup_v1_names[which]);
  return !pure && is_type(out, CGROUP_SUPER_MAGIC);
}

bool cgroup_folder(int which, const char *path, char *out) {
  char root[64];
  if (!cgroup_hierarchy(which, root)) return false;
  return snprintf(out, 4096, "%s%s%s", root, *path == '/' ? "" : "/", path) < 4096;
}

bool cgroup_possible_folder(int which, const char *path, char *folder) {
  bool pure = cgroup_v2_alone();
  if (pure && which != CGROUP_UNIFIED) return false;
  return snprintf(folder, 4096, TOP "%s%s%s%s", pure ? "" : "/", pure ? "" : which == CGROUP_UNIFIED ? "unified" : cgroup_v1_names[which], *path == '/' ? "" : "/", path) < 4096;
}

const char *cgroup_real_name(int which) {
  char path[64], target[64];
  snprintf(path, sizeof path, TOP "/%s", cgroup_v1_names[which]);
  ssize_t n = readlink(path, target, sizeof target - 1);
  if (n <= 0) return cgroup_v1_names[which];
  target[n] = 0;
  return arena_format("%s", target);
}
