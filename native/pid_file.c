#include "pid_file.h"

#include <stdio.h>

#include "file.h"

int pid_file_write(const char *path, pid_t pid, struct error *err) {
  char text[16];
  int length = snprintf(text, sizeof text, "%d", pid);
  return file_replace(path, text, (size_t)length, err);
}
