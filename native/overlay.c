#include "overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "arena.h"
#include "scope.h"

/* What the kernel itself says about a refused file system, where it says something. */
static int refused(int context, const char *what, const char *path, struct error *err) {
  int saved = errno;
  char message[256];
  ssize_t n = read(context, message, sizeof message - 1);
  errno = saved;
  error_errno(err, what, path);
  if (n > 2) {
    message[n - (message[n - 1] == '\n')] = 0;
    snprintf(err->text, sizeof err->text, "overlay on %s: %s (%s)", path, message + 2, strerror(saved));
  }
  return -1;
}

static int by_fsconfig(const char *target, char *options, struct error *err) {
  fd_auto context = fsopen("overlay", FSOPEN_CLOEXEC);
  if (context < 0) return error_errno(err, "fsopen", "overlay");
  char *rest = options;
  for (char *option; (option = strsep(&rest, ","));) {
    char *value = strchr(option, '=');
    if (value) *value++ = 0;
    bool lower = strcmp(option, "lowerdir") == 0;
    for (char *one; value && (one = lower ? strsep(&value, ":") : strsep(&value, "\001"));)
      if (fsconfig(context, FSCONFIG_SET_STRING, lower ? "lowerdir+" : option, one, 0) < 0) return refused(context, "fsconfig", target, err);
  }
  if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) return refused(context, "fsconfig", target, err);
  fd_auto tree = fsmount(context, FSMOUNT_CLOEXEC, 0);
  if (tree < 0) return refused(context, "fsmount", target, err);
  return move_mount(tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? error_errno(err, "move_mount", target) : 0;
}

int overlay_mount(const char *target, const char *options, const char *cwd, struct error *err) {
  if (cwd && chdir(cwd) < 0) return error_errno(err, "chdir", cwd);
  if (strlen(options) >= 4095) {
    /* mount(2) would cut the string silently. */
    char *copy = arena_format("%s", options);
    return copy ? by_fsconfig(target, copy, err) : error_text(err, "overlay options are too long");
  }
  if (mount("overlay", target, "overlay", 0, options) < 0) {
    int saved = errno;
    error_errno(err, "mount", target);
    snprintf(err->text, sizeof err->text, "overlay on %s: %s", target, strerror(saved));
    return -1;
  }
  return 0;
}
