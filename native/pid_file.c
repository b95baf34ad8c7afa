#include "pid_file.h"

#include <stdio.h>
#include <unistd.h>

#include "file.h"

int pid_file_write(const char *path, pid_t pid, struct error *err) {
  char text[16];
  int length = snprintf(text, sizeof text, "%d", pid);
  unlink(path); /* what is replaced by rename some file systems write out at once (ext4: auto_da_alloc) */
  return file_replace(path, text, (size_t)length, err);
}
