#include "inroot.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "scope.h"

static int open_resolved(int root, const char *path, int flags, unsigned long resolve) {
  struct open_how how = {.flags = (unsigned long)flags | O_CLOEXEC, .resolve = resolve | RESOLVE_NO_MAGICLINKS};
  for (;;) {
    int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    if (fd >= 0 || errno != EAGAIN) return fd; /* EAGAIN: a rename elsewhere made the kernel unsure about ".." */
  }
}

int inroot_open(int root, const char *path, int flags) { return open_resolved(root, path, flags, RESOLVE_IN_ROOT); }

int inroot_open_plain(int root, const char *path, int flags) { return open_resolved(root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS); }

int inroot_open_here(int folder, const char *path, int flags) { return open_resolved(folder, path, flags, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV); }

int inroot_open_beneath(int folder, const char *path, int flags) { return open_resolved(folder, path, flags, RESOLVE_BENEATH); }

#define DANGLING 8 /* links to what is not there, one in the place of another */

static int make_path(int root, const char *path, bool file, mode_t mode, int links, struct error *err);

/* Where a link leads that nothing is behind is made too: an image's /etc/resolv.conf may lead below /run. -1 with EEXIST: it is no link. */
static int make_target(int root, int above, char *part, char *at, bool file, mode_t mode, int links, struct error *err) {
  char target[4096], path[8192];
  ssize_t n = readlinkat(above, at, target, sizeof target - 1);
  if (n <= 0) { errno = EEXIST; return error_errno(err, "open", part); }
  if (links == 0) { errno = ELOOP; return error_errno(err, "open", part); }
  target[n] = 0;
  snprintf(path, sizeof path, "%.*s%s", *target == '/' ? 0 : (int)(at - part), part, target);
  return make_path(root, path, file, mode, links - 1, err);
}

/* One missing part of a path, whose folder is `above`. */
static int make_part(int above, const char *name, bool file, mode_t mode) {
  if (file) {
    fd_auto made = openat(above, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (made < 0) return -1;
  } else if (mkdirat(above, name, mode) < 0) {
    return -1;
  }
  return openat(above, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

static int make_path(int root, const char *path, bool file, mode_t mode, int links, struct error *err) {
  int found = inroot_open(root, path, O_PATH);
  if (found >= 0) return found;
  if (errno == ENOTDIR) return error_text(err, "%s cannot be made: a file is in the way (Not a directory)", path);
  if (errno != ENOENT) return error_errno(err, "openat2", path);
  char part[4096];
  if (strlen(path) >= sizeof part) return error_text(err, "path too long: %s", path);
  strcpy(part, path);
  fd_auto above = fcntl(root, F_DUPFD_CLOEXEC, 3);
  if (above < 0) return error_errno(err, "fcntl", path);
  for (char *at = part; *at;) {
    while (*at == '/') at++;
    if (!*at) break;
    char *end = at + strcspn(at, "/"), kept = *end;
    *end = 0;
    bool last = kept == 0 || end[strspn(end + (kept != 0), "/") + (kept != 0)] == 0;
    int next = inroot_open(root, part, O_PATH);
    if (next < 0 && errno != ENOENT) return error_errno(err, "openat2", path);
    if (next < 0) next = make_part(above, at, last && file, last ? mode : 0755);
    if (next < 0 && errno != EEXIST) return error_errno(err, last && file ? "open" : "mkdir", path);
    if (next < 0 && (next = make_target(root, above, part, at, last && file, last ? mode : 0755, links, err)) < 0) return -1;
    close(above);
    above = next;
    *end = kept;
    at = end;
  }
  return fd_steal(&above);
}

int inroot_make(int root, const char *path, bool file, mode_t mode, struct error *err) { return make_path(root, path, file, mode, DANGLING, err); }

const char *inroot_name(int fd, char *text) {
  snprintf(text, 32, "/proc/self/fd/%d", fd);
  return text;
}
