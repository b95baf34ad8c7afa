#include "proc_root.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* The number that the root of each procfs has. */
#define PROC_ROOT_INO 1

bool proc_root_is(int fd) {
  struct statfs file_system;
  struct stat stat;
  return fstatfs(fd, &file_system) == 0 && file_system.f_type == PROC_SUPER_MAGIC && fstat(fd, &stat) == 0 && stat.st_ino == PROC_ROOT_INO;
}
