/* A container's /etc/passwd and /etc/group (user.c is compiled with this file's `open`), divided at the first NUL. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arena.h"
#include "user.h"

static const char *files[2];
static size_t sizes[2];

int fuzz_open(const char *path, int flags, ...);
int fuzz_open(const char *path, int flags, ...) {
  int which = strcmp(path, "/etc/group") == 0, fd = memfd_create(path + 1, 0);
  (void)flags;
  if (fd < 0 || write(fd, files[which], sizes[which]) != (ssize_t)sizes[which] || lseek(fd, 0, SEEK_SET) < 0) abort();
  return fd;
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length) {
  static const char *const users[] = {"app", "1000", "app:web", "1000:2000", ":web", "root:0"};
  struct identity identity;
  struct error err;
  const unsigned char *nul = length ? memchr(bytes, 0, length) : NULL;
  files[0] = (const char *)bytes;
  sizes[0] = nul ? (size_t)(nul - bytes) : length;
  files[1] = nul ? (const char *)nul + 1 : "";
  sizes[1] = nul ? length - sizes[0] - 1 : 0;
  for (size_t i = 0; i < sizeof users / sizeof *users; i++) {
    struct process_spec process = {.user = users[i], .groups = "audio,3000,web"};
    user_resolve(&process, &identity, &err);
  }
  struct process_spec numeric = {.uid = 1000, .gid = 1000};
  user_resolve(&numeric, &identity, &err);
  return 0;
}
