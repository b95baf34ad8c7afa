#include "self.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "scope.h"

static char **arguments;

void self_rename(const char *name) {
  prctl(PR_SET_NAME, name);
  char *begin = arguments[0], *end = begin;
  for (char **argument = arguments; *argument; argument++) end = *argument + strlen(*argument);
  memset(begin, 0, (size_t)(end - begin));
  strncpy(begin, name, (size_t)(end - begin));
}

void self_protect(char **argv) {
  arguments = argv;
  char path[4096];
  struct statvfs info;
  if (statvfs("/proc/self/exe", &info) == 0 && info.f_flag & ST_RDONLY) return;
  ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  if (length <= 0) return;
  path[length] = 0;
  char *name = strrchr(path, '/');
  if (!name) return;
  *name++ = 0;
  /* Of its folder, so that the process keeps its name. Without these calls (a kernel before 5.12) there is no such protection. */
  fd_auto tree = open_tree(AT_FDCWD, *path ? path : "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
  struct stat ours, found;
  if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0) return;
  if (stat("/proc/self/exe", &ours) < 0 || fstatat(tree, name, &found, 0) < 0 || ours.st_ino != found.st_ino || ours.st_dev != found.st_dev) return;
  syscall(SYS_execveat, tree, name, argv, environ, 0);
}
