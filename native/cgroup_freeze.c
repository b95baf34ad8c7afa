#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cgroup.h"
#include "cgroup_limits.h"
#include "file.h"

/* Freezing: `freezer.state` of v1, or where there is no such hierarchy `cgroup.freeze` of v2 (which the bare tree of a hybrid layout has too). */

static bool v1_file(const char *path, char *file) {
  char text[16];
  snprintf(file, 4200, CGROUP_TOP "/freezer%s%s/freezer.state", *path == '/' ? "" : "/", path);
  return file_read_at(AT_FDCWD, file, text, sizeof text) >= 0;
}

static bool v2_file(const char *path, const char *name, char *file) {
  static const char *const tops[] = {CGROUP_TOP, CGROUP_TOP "/unified"};
  char text[256];
  for (size_t i = 0; i < sizeof tops / sizeof *tops; i++) {
    snprintf(file, 4200, "%s%s%s/%s", tops[i], *path == '/' ? "" : "/", path, name);
    if (file_read_at(AT_FDCWD, file, text, sizeof text) >= 0) return true;
  }
  return false;
}

bool cgroup_is_frozen(const char *path) {
  char file[4200], text[64];
  if (v1_file(path, file)) return file_read_at(AT_FDCWD, file, text, sizeof text) > 0 && text[0] == 'F'; /* FROZEN, FREEZING */
  return v2_file(path, "cgroup.freeze", file) && file_read_at(AT_FDCWD, file, text, sizeof text) > 0 && text[0] == '1';
}

/* Until the kernel says so, at most 2 s: processes in uninterruptible calls freeze once they return. */
static bool reached(bool v1, const char *file, const char *path, bool frozen) {
  char events[4200], text[256];
  if (!v1 && !v2_file(path, "cgroup.events", events)) return true;
  for (int waited = 0; waited < 2000; waited++) {
    if (file_read_at(AT_FDCWD, v1 ? file : events, text, sizeof text) < 0) return false;
    if (v1 ? strncmp(text, frozen ? "FROZEN" : "THAWED", 6) == 0 : strstr(text, frozen ? "frozen 1" : "frozen 0") != NULL) return true;
    if (v1 && frozen) (void)!file_write_at(AT_FDCWD, file, "FROZEN"); /* it asks again those that were forked meanwhile */
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  return false;
}

int cgroup_freeze(const char *path, bool frozen, struct error *err) {
  char file[4200];
  bool v1 = v1_file(path, file);
  if (!v1 && !v2_file(path, "cgroup.freeze", file)) return error_text(err, "cgroup %s cannot be frozen: there is neither the controller freezer nor cgroup v2 on this machine, or no such cgroup", path);
  if (file_write_at(AT_FDCWD, file, v1 ? (frozen ? "FROZEN" : "THAWED") : frozen ? "1" : "0") < 0) return error_errno(err, "write", file);
  if (reached(v1, file, path, frozen)) return 0;
  if (frozen) (void)!file_write_at(AT_FDCWD, file, v1 ? "THAWED" : "0");
  return error_text(err, "cgroup %s did not %s within 2 s", path, frozen ? "freeze" : "thaw");
}
