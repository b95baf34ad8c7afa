#include "overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena.h"
#include "scope.h"

#define MOUNT_ROOM 4095 /* mount(2) cuts longer options silently */
#define MAX_LAYERS 500  /* the kernel's limit, OVL_MAX_STACK */

static int mount_overlay(const char *target, const char *options, struct error *err) {
  if (strlen(options) > MOUNT_ROOM) return error_text(err, "overlay on %s: the names of its folders are too long together", target);
  if (mount("overlay", target, "overlay", 0, options) < 0) {
    int saved = errno;
    error_errno(err, "mount", target);
    snprintf(err->text, sizeof err->text, "overlay on %s: %s", target, strerror(saved));
    return -1;
  }
  return 0;
}

int overlay_not_idmapped(const char *what, const char *path, struct error *err) {
  int saved = errno;
  error_errno(err, "mount_setattr", path);
  if (saved != EINVAL && saved != ENOSYS) return -1;
  return error_text(err, "%s cannot be seen through the container's users: %s; run it with the host's users (userns_mode: host)",
    what, saved == ENOSYS ? "this kernel has no idmapped mounts (Linux 5.12)" : "the file system has no support for idmapped mounts");
}

/* With users of its own: an idmapped mount can only be a layer once it is attached, and idmapped only before. */
static int bind_layer(const char *layer, const char *place, int users, struct error *err) {
  if (users < 0) return mount(layer, place, NULL, MS_BIND, NULL) < 0 ? error_errno(err, "mount", layer) : 0;
  fd_auto tree = open_tree(AT_FDCWD, layer, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)users};
  if (tree < 0) return error_errno(err, "open_tree", layer);
  if (mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0) return overlay_not_idmapped("the image's layers", layer, err);
  return move_mount(tree, "", AT_FDCWD, place, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? error_errno(err, "move_mount", layer) : 0;
}

/* Binds each layer to a number below `target`, on a tmpfs that the overlay then covers: 500 numbers fit into mount(2)'s options. What
   fsconfig(2) has for this, `lowerdir+`, needs Linux 6.5. Answers the options that are left to give. */
static char *number_layers(const char *target, char *options, int users, struct error *err) {
  char *lower = strstr(options, "lowerdir="), *rest = lower ? lower + strcspn(lower, ",") : NULL;
  char *numbers = arena_alloc(8 * MAX_LAYERS), place[4096], *at = numbers;
  if (!lower || lower != options || !numbers) { error_text(err, "overlay on %s: its options do not begin with lowerdir", target); return NULL; }
  if (*rest) *rest++ = 0;
  if (mount("tmpfs", target, "tmpfs", 0, "size=1m,mode=700") < 0) { error_errno(err, "mount", target); return NULL; }
  int count = 0;
  for (char *layers = options + strlen("lowerdir="), *layer; (layer = strsep(&layers, ":")); count++) {
    if (count == MAX_LAYERS) { error_text(err, "overlay on %s: more than %d layers", target, MAX_LAYERS); return NULL; }
    snprintf(place, sizeof place, "%s/%d", target, count);
    if (mkdir(place, 0700) < 0) { error_errno(err, "mkdir", place); return NULL; }
    if (bind_layer(layer, place, users, err) < 0) return NULL;
    at += sprintf(at, count ? ":%d" : "%d", count);
  }
  if (chdir(target) < 0) { error_errno(err, "chdir", target); return NULL; }
  return arena_format("lowerdir=%s,%s", numbers, rest);
}

int overlay_tree(const char *place, const char *options, int users, struct error *err) {
  int mounts = overlay_mount(place, options, NULL, users, err);
  if (mounts < 0) return -1;
  int tree = open_tree(AT_FDCWD, place, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree < 0) return error_errno(err, "open_tree", place);
  while (mounts-- > 0) if (umount2(place, MNT_DETACH) < 0) return error_errno(err, "umount2", place);
  return tree;
}

int overlay_mount(const char *target, const char *options, const char *cwd, int users, struct error *err) {
  if (cwd && chdir(cwd) < 0) return error_errno(err, "chdir", cwd);
  if (users < 0 && strlen(options) <= MOUNT_ROOM) return mount_overlay(target, options, err) < 0 ? -1 : 1;
  char *copy = arena_format("%s", options), *shorter = copy ? number_layers(target, copy, users, err) : NULL;
  return shorter && mount_overlay(target, shorter, err) == 0 ? 2 : -1;
}
