#include "self.h"

#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "self_again.h"

/* What this process was started with, which is where others read its words from. */
static char *title;
static size_t room;

void self_rename(const char *name) {
  prctl(PR_SET_NAME, name);
  memset(title, 0, room);
  strncpy(title, name, room);
}

void self_retitle(char **words, int count) {
  char *at = title, *end = title + room;
  for (int i = 0; i < count; i++) {
    size_t length = strlen(words[i]) + 1;
    if (length > (size_t)(end - at)) break;
    memmove(at, words[i], length);
    at += length;
  }
  memset(at, 0, (size_t)(end - at));
}

void self_protect(char **argv) {
  if (title) return; /* forked from one that was */
  title = argv[0];
  for (char **argument = argv; *argument; argument++) room = (size_t)(*argument + strlen(*argument) - title);
  self_again(argv, environ);
}
