#include "userns.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arena.h"
#include "scope.h"
#include "file.h"
#include "spawn.h"

static int write_map(pid_t pid, const char *file, const struct mapping *list, size_t count, struct error *err) {
  char path[64], *text = arena_alloc(36 * count + 1), *at = text;
  snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
  if (!text) return error_text(err, "out of memory");
  for (size_t i = 0; i < count; i++) at += sprintf(at, "%u %u %u\n", list[i].container, list[i].host, list[i].size);
  if (file_write_at(AT_FDCWD, path, text) == 0) return 0;
  if (errno == EINVAL) { error_errno(err, "write", path); return error_text(err, "the kernel refuses the %s: ranges overlap, or are too many", file); }
  return error_errno(err, "write", path);
}

int userns_map(pid_t pid, const struct mappings *mappings, struct error *err) {
  return write_map(pid, "gid_map", mappings->gids, mappings->gid_count, err) < 0 ? -1 : write_map(pid, "uid_map", mappings->uids, mappings->uid_count, err);
}

int userns_become_root(struct error *err) {
  if (setresgid(0, 0, 0) < 0) return error_errno(err, "setresgid", "the user namespace's root (gidMappings map no 0?)");
  if (setgroups(0, NULL) < 0) return error_errno(err, "setgroups", NULL);
  if (setresuid(0, 0, 0) < 0) return error_errno(err, "setresuid", "the user namespace's root (uidMappings map no 0?)");
  return 0;
}

int userns_enter(int fd, struct error *err) {
  return setns(fd, CLONE_NEWUSER) < 0 ? error_errno(err, "setns", "the container's user namespace") : userns_become_root(err);
}

int userns_open(const struct mappings *mappings, struct error *err) {
  int pidfd;
  pid_t pid = spawn(CLONE_NEWUSER, -1, &pidfd);
  if (pid < 0) return userns_refused(err);
  if (pid == 0) for (;;) pause();
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
  int fd = -1;
  if (userns_map(pid, mappings, err) == 0 && (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0) error_errno(err, "open", path);
  kill(pid, SIGKILL);
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
  close(pidfd);
  return fd;
}

int userns_of(const struct config *config, const struct mappings *mappings, struct error *err) {
  if (mappings->uid_count && mappings != &config->mappings) return userns_open(mappings, err);
  if (!config->joins[NS_USER]) return config->mappings.uid_count ? userns_open(&config->mappings, err) : error_text(err, "config.json: nothing says how users are mapped");
  int users = open(config->joins[NS_USER], O_RDONLY | O_CLOEXEC);
  return users < 0 ? error_errno(err, "open", config->joins[NS_USER]) : users;
}
