#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core.h"
#include "overlay.h"
#include "scope.h"

/* Whether the file system below a folder can hold an overlay's layers, and this kernel mount one there. */

static int make_folders(struct error *err) {
  static const char *const names[] = {"lower", "lower/folder", "lower/folder/inner", "upper", "work", "merged"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) if (mkdir(names[i], 0700) < 0) return error_errno(err, "mkdir", names[i]);
  return 0;
}

/* What unpacked layers consist of beside files: whiteouts and opaque folders. */
static int try_marks(struct error *err) {
  if (mknod("lower/whiteout", S_IFCHR, 0) < 0) return error_errno(err, "mknod", "a whiteout");
  return setxattr("lower/folder/inner", "trusted.overlay.opaque", "y", 1, 0) < 0 ? error_errno(err, "setxattr", "trusted.overlay.opaque") : 0;
}

/* A folder that is removed and made anew needs both marks of the upper folder. */
static int try_overlay(const char *dir, struct error *err) {
  if (unshare(CLONE_NEWNS) < 0) return error_errno(err, "unshare", NULL);
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return error_errno(err, "mount", "/");
  if (overlay_mount("merged", "lowerdir=lower,upperdir=upper,workdir=work", dir, -1, err) < 0) return -1;
  if (rmdir("merged/folder/inner") < 0 || rmdir("merged/folder") < 0 || mkdir("merged/folder", 0700) < 0) return error_errno(err, "rename", "a folder of the overlay's");
  return access("merged/folder/inner", F_OK) == 0 ? error_text(err, "a removed folder shines through") : 0;
}

int cmd_probe_overlay(int argc, char **argv) {
  struct error err = {0};
  if (argc != 3 || strcmp(argv[1], "--dir") != 0) error_text(&err, "usage: bayplan-core probe-overlay --dir DIR");
  else if (chdir(argv[2]) < 0) error_errno(&err, "chdir", argv[2]);
  else if (make_folders(&err) == 0) {
    bool marks = try_marks(&err) == 0, overlay = marks && try_overlay(argv[2], &err) == 0;
    json_t *line = json_pack("{s:i s:b s:b s:s}", "version", 1, "marks", marks, "overlay", overlay, "reason", overlay ? "" : err.text);
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
    if (text && puts(text) >= 0 && fflush(stdout) == 0) return 0;
    error_text(&err, "out of memory");
  }
  error_write(2, &err);
  return 1;
}
