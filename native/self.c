#include "self.h"

#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "self_again.h"

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
  self_again(argv, environ);
}
