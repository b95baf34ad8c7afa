#include "join.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <sys/vfs.h>

#include "file.h"
#include "scope.h"

int join_namespace(const struct config *config, enum namespace_kind kind, struct error *err) {
  const char *path = config->joins[kind];
  struct statfs info;
  if (!path) return 0;
  fd_auto fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) {
    if (errno == ENOENT) { error_errno(err, "open", path); return error_text(err, "the %s namespace %s does not exist", namespaces[kind].type, path); }
    return error_errno(err, "open", path);
  }
  if (setns(fd, (int)namespaces[kind].flag) == 0) return 0;
  if (errno != EINVAL) return error_errno(err, "setns", path);
  bool any = fstatfs(fd, &info) == 0 && info.f_type == NSFS_MAGIC;
  errno = EINVAL;
  error_errno(err, "setns", path);
  return error_text(err, any ? "%2$s is no %1$s namespace" : "%2$s is no namespace (a %1$s one is wanted)", namespaces[kind].type, path);
}

int join_namespaces(const struct config *config, struct error *err) {
  for (int kind = NS_USER + 1; kind < NAMESPACE_KINDS; kind++) if (join_namespace(config, kind, err) < 0) return -1;
  return 0;
}

int join_oom(const struct config *config, struct error *err) {
  char text[16];
  if (!config->process.has_oom) return 0;
  snprintf(text, sizeof text, "%d", config->process.oom_score_adj);
  if (file_write_at(AT_FDCWD, "/proc/self/oom_score_adj", text) == 0) return 0;
  if (errno != EACCES && errno != EPERM) return error_errno(err, "write", "/proc/self/oom_score_adj");
  error_errno(err, "write", "/proc/self/oom_score_adj");
  return error_text(err, "oomScoreAdj cannot be set to %s: lowering it needs CAP_SYS_RESOURCE, which this runtime does not have", text);
}
