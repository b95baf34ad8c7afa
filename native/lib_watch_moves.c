#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "lib_watch.h"

/* Undoes mountinfo's \ooo of blanks and backslashes (proc_pid_mountinfo(5)), in place. */
static void unescape(char *path) {
  char *to = path;
  for (const char *from = path; *from; to++) {
    unsigned byte;
    if (*from == '\\' && sscanf(from + 1, "%3o", &byte) == 1) {
      *to = (char)byte;
      from += 4;
    } else *to = *from++;
  }
  *to = 0;
}

/* A mount may be hidden below another one: then this place is that one's. */
static bool is_hierarchy(const char *path) {
  struct statfs there;
  return statfs(path, &there) == 0 && (there.f_type == CGROUP_SUPER_MAGIC || there.f_type == CGROUP2_SUPER_MAGIC);
}

/* Each hierarchy's file system, however often it is mounted: whoever writes there is heard, from containers too. */
static int mark_hierarchies(int fd) {
  FILE *mounts = fopen("/proc/self/mountinfo", "re");
  if (!mounts) return -1;
  char *line = NULL;
  size_t size = 0;
  int rc = 0;
  while (rc == 0 && getline(&line, &size, mounts) > 0) {
    char at[4096];
    const char *type = strstr(line, " - cgroup");
    if (!type || sscanf(line, "%*s %*s %*s %*s %4095s", at) != 1) continue;
    unescape(at);
    if (is_hierarchy(at)) rc = fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_MODIFY, AT_FDCWD, at);
  }
  int saved = errno;
  free(line);
  fclose(mounts);
  errno = saved;
  return rc;
}

int watch_moves_open(struct watch *one, const char *parent) {
  snprintf(one->table, sizeof one->table, "/%s/", parent);
  one->fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY | O_CLOEXEC);
  return one->fd < 0 ? -1 : mark_hierarchies(one->fd);
}

/* Whether a process came to the cgroup whose file was written, which is none below the watched parent. */
static bool is_elsewhere(const struct watch *one, int file) {
  static const char *const members[] = {"/cgroup.procs", "/tasks", "/cgroup.threads"};
  char link[32], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return false;
  path[length] = 0;
  const char *name = strrchr(path, '/');
  for (size_t i = 0; name && i < sizeof members / sizeof *members; i++) if (!strcmp(name, members[i])) return !strstr(path, one->table);
  return false;
}

/* Each that is read is an open file until it was looked at: a burst is not to take all that this process may open. */
#define MOST_AT_ONCE (16 * FAN_EVENT_METADATA_LEN)

bool watch_moves_read(struct watch *one, char *buffer, size_t size) {
  bool moved = false;
  for (ssize_t left; (left = read(one->fd, buffer, size < MOST_AT_ONCE ? size : MOST_AT_ONCE)) > 0 || (left < 0 && errno != EAGAIN && errno != EBADF && errno != EINVAL);) { /* what cannot be opened is passed over */
    for (const struct fanotify_event_metadata *event = (const void *)buffer; FAN_EVENT_OK(event, left); event = FAN_EVENT_NEXT(event, left)) {
      moved |= event->mask & FAN_Q_OVERFLOW || (event->fd >= 0 && is_elsewhere(one, event->fd));
      if (event->fd >= 0) close(event->fd);
    }
  }
  return moved;
}
