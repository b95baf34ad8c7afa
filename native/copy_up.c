#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copy_tree.h"
#include "core.h"
#include "deep_tree.h"
#include "inroot.h"
#include "overlay.h"
#include "scope.h"

/* Copies what an image has at a path into a folder. The kernel's own overlay merges the layers, so whiteouts, opaque folders and links in the path
   mean what they mean to a container. */

/* `lowerdir=` of the layers, highest first, by names relative to their common folder. */
static int overlay_options(char **layers, size_t count, char *folder, char *options, size_t size, struct error *err) {
  snprintf(folder, PATH_MAX, "%s", layers[0]);
  char *slash = strrchr(folder, '/');
  if (!slash || slash == folder) return error_text(err, "--layer must be an absolute path: %.200s", layers[0]);
  *slash = 0;
  size_t prefix = (size_t)(slash - folder), at = (size_t)snprintf(options, size, "lowerdir=");
  for (size_t i = count; i-- > 0;) {
    if (strncmp(layers[i], folder, prefix) != 0 || layers[i][prefix] != '/') return error_text(err, "the layers must stand in one folder: %.200s", layers[i]);
    at += (size_t)snprintf(options + at, size - at, "%s%s", layers[i] + prefix + 1, i ? ":" : "");
    if (at >= size) return error_text(err, "too many layers");
  }
  return 0;
}

/* Descriptor of the merged root. The overlay lies upon `place`, which is open already where it is needed, in a mount namespace that ends with this process. */
static int open_image(char **layers, size_t count, const char *place, struct error *err) {
  static char options[64 * 1024];
  char folder[PATH_MAX];
  if (count > 1) {
    if (unshare(CLONE_NEWNS) < 0) return error_errno(err, "unshare", NULL);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return error_errno(err, "mount", "/");
    if (overlay_options(layers, count, folder, options, sizeof options, err) < 0 || overlay_mount(place, options, folder, -1, err) < 0) return -1;
  }
  int root = open(count > 1 ? place : layers[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return root < 0 ? error_errno(err, "open", layers[0]) : root;
}

/* -1: it cannot be read. */
static int is_empty(int folder) {
  int listed = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *entries = listed < 0 ? NULL : fdopendir(listed);
  if (!entries) return -1;
  int count = 0;
  errno = 0;
  while (count < 3 && readdir(entries)) count++; /* two of them are . and .. */
  int failure = errno;
  closedir(entries);
  errno = failure;
  return failure ? -1 : count < 3;
}

/* Without `dest` it only looks; with `patience` that is somebody else's, which may hold something and may stop answering. */
static int run(char **layers, size_t count, const char *target, const char *dest, unsigned patience, bool *found, struct error *err) {
  alarm(patience);
  fd_auto into = dest ? open(dest, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  if (dest && into < 0) return error_errno(err, "open", dest);
  fd_auto root = open_image(layers, count, dest ? dest : layers[0], err);
  if (root < 0) return -1;
  fd_auto from = inroot_open(root, target, O_RDONLY | O_DIRECTORY);
  *found = from >= 0;
  if (from < 0) return errno == ENOENT || errno == ENOTDIR ? 0 : error_errno(err, "open", target);
  if (!dest) return 0;
  int empty = patience ? is_empty(into) : 1;
  if (empty < 0) return error_errno(err, "readdir", dest);
  if (!empty || (patience && is_empty(from) == 1)) return 0;
  if (copy_tree_bounded(from, into, patience, err) < 0) return -1;
  alarm(0); /* what is left to be written may be much */
  return syncfs(into) < 0 ? error_errno(err, "syncfs", dest) : 0; /* a volume with something in it is never filled again, half of it or not */
}

int cmd_copy_up(int argc, char **argv) {
  struct error err = {0};
  char **layers = calloc((size_t)argc, sizeof *layers);
  size_t count = 0;
  const char *target = NULL, *dest = NULL;
  unsigned patience = 0;
  bool found = false, odd = !layers || argc % 2 == 0;
  for (int i = 1; !odd && i < argc; i += 2) {
    if (strcmp(argv[i], "--layer") == 0) layers[count++] = argv[i + 1];
    else if (strcmp(argv[i], "--target") == 0) target = argv[i + 1];
    else if (strcmp(argv[i], "--dest") == 0) dest = argv[i + 1];
    else if (strcmp(argv[i], "--patience") == 0) patience = (unsigned)atoi(argv[i + 1]);
    else odd = true;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* without the engine nobody would use the copy */
  umask(0);
  deep_tree_prepare();
  int rc = odd || count == 0 || !target ? error_text(&err, "usage: bayplan-core copy-up --layer DIR … --target PATH [--dest DIR [--patience SECONDS]]") : run(layers, count, target, dest, patience, &found, &err);
  free(layers);
  if (rc == 0) { printf("{\"version\":1,\"found\":%s}\n", found ? "true" : "false"); return 0; }
  error_write(2, &err);
  return 1;
}
