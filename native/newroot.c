#include "newroot.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "overlay.h"
#include "scope.h"
#include "userns.h"

static unsigned long propagation_of(const char *name) {
  if (!name || !*name) return MS_SLAVE | MS_REC;
  unsigned long deep = name[0] == 'r' ? MS_REC : 0;
  const char *kind = name + (deep != 0);
  return deep | (strcmp(kind, "shared") == 0 ? MS_SHARED : strcmp(kind, "slave") == 0 ? MS_SLAVE : strcmp(kind, "unbindable") == 0 ? MS_UNBINDABLE : MS_PRIVATE);
}

/* pivot_root(2) wants the mount that the root's folder lies on not to be shared, and what is mounted below must not travel with it. */
static int unshare_above(const char *path, struct error *err) {
  char at[4096];
  if (snprintf(at, sizeof at, "%s", path) >= (int)sizeof at) return error_text(err, "path too long: %s", path);
  for (;;) {
    if (mount(NULL, at, NULL, MS_PRIVATE, NULL) == 0) return 0;
    char *slash = strrchr(at, '/');
    if (errno != EINVAL || !slash || !at[1]) return error_errno(err, "mount", at); /* EINVAL: nothing is mounted just there */
    slash[slash == at] = 0;
  }
}

/* What holds for all mounts while the container is made: the root's own propagation comes last. */
static unsigned long first_propagation(const struct config *config) {
  unsigned long flags = propagation_of(config->root_propagation);
  return flags & MS_UNBINDABLE ? MS_PRIVATE | MS_REC : flags;
}

/* Until it is the root, for pivot_root(2) takes none that is shared. A slave goes on following what it was bound from. */
static bool is_to_be_private(const struct config *config) { return config->root_propagation && !(propagation_of(config->root_propagation) & MS_SLAVE); }

/* A root that was made ready before: over the old one, where nobody's way to it leads through folders closed to this user. */
static int attach_root(int tree, struct error *err) {
  struct mount_attr slave = {.propagation = MS_SLAVE};
  if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &slave, sizeof slave) < 0) return error_errno(err, "mount_setattr", "the root");
  if (move_mount(tree, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0) return error_errno(err, "move_mount", "the root");
  int root = fcntl(tree, F_DUPFD_CLOEXEC, 3);
  return root < 0 ? error_errno(err, "fcntl", "the root") : root;
}

/* In the host's own mount namespace nothing but the root's folder is touched; all that is mounted there goes with one mount. */
static int bind_root(const struct config *config, struct error *err) {
  if (config->overlay || config->root_tree >= 0) return error_text(err, "config.json: linux.namespaces: a mount namespace is needed with users of its own, and with io.bayplan.overlay");
  if (mount(config->root, config->root, NULL, MS_BIND | MS_REC, NULL) < 0 || mount(NULL, config->root, NULL, MS_PRIVATE, NULL) < 0) return error_errno(err, "mount", config->root);
  int root = open(config->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
  return root < 0 ? error_errno(err, "open", config->root) : root;
}

void newroot_leave(const struct config *config) {
  if (config->root && !config_has_mounts(config)) umount2(config->root, MNT_DETACH | UMOUNT_NOFOLLOW); /* not there: the set-up did not come to it */
}

int newroot_make(const struct config *config, struct error *err) {
  if (!config_has_mounts(config)) return bind_root(config, err);
  /* Nothing mounted here may reach the host, unless a bind wants exactly that. */
  if (mount(NULL, "/", NULL, first_propagation(config), NULL) < 0) return error_errno(err, "mount", "/");
  if (is_to_be_private(config) && unshare_above(config->root_tree >= 0 ? "/" : config->root, err) < 0) return -1;
  if (config->root_tree >= 0) return attach_root(config->root_tree, err);
  if (config->overlay) {
    if (overlay_mount(config->root, config->overlay, config->overlay_cwd, -1, err) < 0) return -1;
  } else if (mount(config->root, config->root, NULL, MS_BIND | MS_REC, NULL) < 0) {
    if (errno == ENOENT || errno == ENOTDIR) { error_errno(err, "mount", config->root); return error_text(err, "root.path %s is no folder", config->root); }
    return error_errno(err, "mount", config->root);
  }
  /* pivot_root wants neither the new root nor its parent shared. */
  if (is_to_be_private(config) && mount(NULL, config->root, NULL, MS_PRIVATE, NULL) < 0) return error_errno(err, "mount", config->root);
  int root = open(config->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
  return root < 0 ? error_errno(err, "open", config->root) : root;
}

/* A root that is no overlay is seen through the mappings as a whole. */
static int idmap_root(const struct config *config, struct error *err) {
  fd_auto users = userns_of(config, &config->mappings, err);
  struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)users};
  if (users < 0) return -1;
  return mount_setattr(config->root_tree, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0 ? overlay_not_idmapped("the container's root", config->root, err) : 0;
}

int newroot_prepare(struct config *config, struct error *err) {
  if (!config->joins[NS_MOUNT]) {
    if (unshare(CLONE_NEWNS) < 0) return error_errno(err, "unshare", "mount");
    if (mount(NULL, "/", NULL, first_propagation(config), NULL) < 0) return error_errno(err, "mount", "/");
    if (is_to_be_private(config) && unshare_above(config->root, err) < 0) return -1;
  }
  if (config->overlay) {
    fd_auto users = config->overlay_idmap ? userns_of(config, &config->mappings, err) : -1;
    if (config->overlay_idmap && users < 0) return -1;
    if (overlay_mount(config->root, config->overlay, config->overlay_cwd, users, err) < 0) return -1;
  }
  config->root_tree = open_tree(AT_FDCWD, config->root, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  if (config->root_tree < 0) return error_errno(err, "open_tree", config->root);
  return config->overlay_idmap && !config->overlay ? idmap_root(config, err) : 0;
}

static int finish_root(const struct config *config, struct error *err) {
  if (config->root_readonly) {
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    if (mount_setattr(AT_FDCWD, "/", 0, &attr, sizeof attr) < 0) return error_errno(err, "mount_setattr", "/");
  }
  if (config->root_propagation && mount(NULL, "/", NULL, propagation_of(config->root_propagation), NULL) < 0) return error_errno(err, "mount", "/");
  return 0;
}

/* The kernel writes blanks, line ends and backslashes of a path as three octal digits. */
static void decode_path(char *path) {
  char *to = path;
  for (const char *from = path; *from; to++) {
    bool escaped = from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' && from[2] <= '7' && from[3] >= '0' && from[3] <= '7';
    *to = escaped ? (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0')) : *from;
    from += escaped ? 4 : 1;
  }
  *to = 0;
}

/* `interface`: a proc or sysfs from its root on. The kernel takes no part of one for a whole. */
struct seen_mount { int id, parent; char *path; bool interface; };
struct seen_mounts { struct seen_mount *all; size_t count; };

static void forget_mounts(struct seen_mounts *seen) {
  for (size_t i = 0; i < seen->count; i++) free(seen->all[i].path);
  free(seen->all);
  *seen = (struct seen_mounts){0};
}

static int read_mounts(FILE *file, struct seen_mounts *seen, struct error *err) {
  char *line = NULL;
  rewind(file);
  int done = 0;
  for (size_t room = 0; done == 0 && getline(&line, &room, file) > 0;) {
    struct seen_mount one = {0};
    char *root = NULL, type[64];
    const char *dash = strstr(line, " - ");
    bool understood = dash && sscanf(line, "%d %d %*s %ms %ms", &one.id, &one.parent, &root, &one.path) == 4 && sscanf(dash, " - %63s", type) == 1;
    one.interface = understood && strcmp(root, "/") == 0 && (strcmp(type, "proc") == 0 || strcmp(type, "sysfs") == 0);
    free(root);
    if (!understood) {
      free(one.path);
      done = error_text(err, "/proc/self/mountinfo: not understood: %s", line);
      continue;
    }
    decode_path(one.path);
    struct seen_mount *all = realloc(seen->all, (seen->count + 1) * sizeof *all);
    if (!all) { free(one.path); done = error_text(err, "out of memory"); continue; }
    seen->all = all;
    seen->all[seen->count++] = one;
  }
  free(line);
  return done == 0 && ferror(file) ? error_errno(err, "read", "/proc/self/mountinfo") : done;
}

/* Whether it can be seen whole: nothing lies over it. */
static bool is_whole(const struct seen_mounts *seen, const struct seen_mount *one) {
  for (size_t i = 0; i < seen->count; i++) if (seen->all[i].parent == one->id && seen->all[i].id != one->id && strcmp(seen->all[i].path, one->path) == 0) return false;
  return true;
}

/* Takes away, or covers, what is whole of the kernel's interfaces outside the new root; how many there were. What is gone is for the next look to say: a path alone may lead to something else. */
static int cover_interfaces(const struct config *config, FILE *mounts, struct error *err) {
  size_t length = strlen(config->root);
  struct seen_mounts seen = {0};
  int found = read_mounts(mounts, &seen, err);
  for (size_t i = seen.count; found >= 0 && i-- > 0;) {
    const struct seen_mount *one = &seen.all[i];
    if (!one->interface || (strncmp(one->path, config->root, length) == 0 && one->path[length] == '/') || !is_whole(&seen, one)) continue;
    found++;
    if (umount2(one->path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0) continue;
    bool locked = errno == EINVAL || errno == EPERM;
    if (!locked || mount("tmpfs", one->path, "tmpfs", MS_NOSUID | MS_NOEXEC | MS_RDONLY, "mode=0") < 0) error_errno(err, "umount2", one->path);
  }
  forget_mounts(&seen);
  return found;
}

#define LOOKS 16

/* The old root stays below the new one where nobody can reach it, but a whole proc or sysfs in it would let a container's own user namespace mount another one, without what is masked. */
static int leave_interfaces(const struct config *config, struct error *err) {
  FILE *mounts = fopen("/proc/self/mountinfo", "re"); /* once: /proc itself goes */
  if (!mounts) return error_errno(err, "open", "/proc/self/mountinfo");
  int found = 1;
  /* A further look finds what lay below another of its kind at the same path, and that nothing is left. */
  for (int look = 0; look < LOOKS && found > 0; look++) found = cover_interfaces(config, mounts, err);
  fclose(mounts);
  return found > 0 ? -1 : found;
}

static int move_root(const struct config *config, int root, struct error *err) {
  if (leave_interfaces(config, err) < 0) return -1;
  if (fchdir(root) < 0) return error_errno(err, "fchdir", config->root);
  if (mount(".", "/", NULL, MS_MOVE, NULL) < 0) return error_errno(err, "mount", "/");
  if (chroot(".") < 0) return error_errno(err, "chroot", config->root);
  if (chdir("/") < 0) return error_errno(err, "chdir", "/");
  return finish_root(config, err);
}

static int change_alone(const struct config *config, int root, struct error *err) {
  if (fchdir(root) < 0) return error_errno(err, "fchdir", config->root);
  if (chroot(".") < 0) return error_errno(err, "chroot", config->root);
  return chdir("/") < 0 ? error_errno(err, "chdir", "/") : finish_root(config, err);
}

static int pivot(const struct config *config, int root, struct error *err) {
  fd_auto old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (old < 0) return error_errno(err, "open", "/");
  if (fchdir(root) < 0) return error_errno(err, "fchdir", config->root);
  if (syscall(SYS_pivot_root, ".", ".") < 0) return error_errno(err, "pivot_root", config->root);
  /* The old root now lies over the new one. Taking it away must not travel to the host. */
  if (fchdir(old) < 0) return error_errno(err, "fchdir", "/");
  if (mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0) return error_errno(err, "mount", "old root");
  if (umount2(".", MNT_DETACH) < 0) return error_errno(err, "umount2", "old root");
  if (chdir("/") < 0) return error_errno(err, "chdir", "/");
  return finish_root(config, err);
}

int newroot_enter(const struct config *config, int root, bool no_pivot, struct error *err) {
  return !config_has_mounts(config) ? change_alone(config, root, err) : no_pivot ? move_root(config, root, err) : pivot(config, root, err);
}
