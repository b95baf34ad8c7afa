#include "oom_watch.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "cgroup.h"
#include "file.h"
#include "scope.h"

static int open_v1(const char *folder) {
  char path[4200], text[32];
  snprintf(path, sizeof path, "%s/memory.oom_control", folder);
  fd_auto file = open(path, O_RDONLY | O_CLOEXEC);
  fd_auto event = file < 0 ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (event < 0) return -1;
  snprintf(path, sizeof path, "%s/cgroup.event_control", folder);
  snprintf(text, sizeof text, "%d %d", event, file);
  return file_write_at(AT_FDCWD, path, text) < 0 ? -1 : fd_steal(&event);
}

static int open_v2(const char *folder) {
  char path[4200];
  snprintf(path, sizeof path, "%s/memory.events", folder);
  fd_auto watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  return watch < 0 || inotify_add_watch(watch, path, IN_MODIFY) < 0 ? -1 : fd_steal(&watch);
}

int oom_watch_open(const char *cgroup) {
  char folder[4096];
  if (!cgroup_memory_folder(cgroup, folder)) return -1;
  return cgroup_pure_v2(NULL) ? open_v2(folder) : open_v1(folder);
}

void oom_watch_read(int fd) {
  char taken[4096];
  (void)!read(fd, taken, sizeof taken);
}
