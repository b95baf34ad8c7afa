#include <unistd.h>
#include "lib_api.h"

int lib_exec(const char *file, char *const argv[], struct error *err) {
  execv(file, argv);
  return error_errno(err, "execve", file);
}
