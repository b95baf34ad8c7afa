#include "container_root.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config.h"
#include "file.h"
#include "mounts.h"
#include "newroot.h"
#include "scope.h"
#include "userns.h"

/* Files show the container's own users to those alone who are among them. */
static bool has_other_users(int pid) {
  char path[64], theirs[64] = "", ours[64] = "";
  snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
  return readlink(path, theirs, sizeof theirs - 1) > 0 && readlink("/proc/self/ns/user", ours, sizeof ours - 1) > 0 && strcmp(theirs, ours) != 0;
}

static int enter_process(const struct container_ref *ref, struct error *err) {
  fd_auto target = (int)syscall(SYS_pidfd_open, ref->pid, 0);
  if (target < 0) return error_errno(err, "pidfd_open", "the container's process");
  if (ref->start_time && process_start_time(ref->pid) != ref->start_time) return error_text(err, "process %d is not the container's any more", ref->pid);
  bool users = has_other_users(ref->pid);
  if (setns(target, CLONE_NEWNS | (users ? CLONE_NEWUSER : 0)) < 0) return error_errno(err, "setns", "the container's mount namespace");
  return users ? userns_become_root(err) : 0;
}

/* Of what is mounted in a container only what lies on the disk is here: the rest is made when it starts. */
static void keep_binds(struct config *config, int mounts) {
  size_t kept = 0;
  for (size_t i = 0; mounts && i < config->mount_count; i++) if (config->mounts[i].bind) config->mounts[kept++] = config->mounts[i];
  config->mount_count = kept;
  config->device_count = 0;
  config->namespaces = CLONE_NEWNS | (config->namespaces & CLONE_NEWUSER);
  config->progress = NULL;
}

/* The container's mount namespace is its own root's, as what is made in it is. */
static int enter_users(struct config *config, struct error *err) {
  if (mounts_prepare(config, err) < 0) return -1;
  fd_auto users = userns_open(&config->mappings, err);
  return users < 0 ? -1 : userns_enter(users, err);
}

static int enter_bundle(const struct container_ref *ref, struct error *err) {
  struct config config = {0};
  if (config_read(ref->bundle, &config, err) < 0) return -1;
  keep_binds(&config, ref->mounts);
  if (config_has_users(&config) && enter_users(&config, err) < 0) return -1;
  if (unshare(CLONE_NEWNS) < 0) return error_errno(err, "unshare", "the mount namespace");
  fd_auto root = newroot_make(&config, err);
  if (root < 0 || mounts_apply(&config, root, NULL, err) < 0) return -1;
  struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
  if (config.root_readonly && mount_setattr(root, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0) return error_errno(err, "mount_setattr", config.root);
  if (fchdir(root) < 0) return error_errno(err, "fchdir", config.root);
  return chroot(".") < 0 ? error_errno(err, "chroot", config.root) : 0;
}

int container_root_enter(const struct container_ref *ref, int *self, struct error *err) {
  prctl(PR_SET_DUMPABLE, 0); /* should the container share the host's pid namespace, it must not look into this process */
  prctl(PR_SET_PDEATHSIG, 9); /* without the engine nobody reads the archive */
  fd_auto own = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (own < 0) return error_errno(err, "open", "/proc/self/fd");
  if ((ref->pid ? enter_process(ref, err) : enter_bundle(ref, err)) < 0) return -1;
  prctl(PR_SET_DUMPABLE, 0); /* both are lost with a change of users */
  prctl(PR_SET_PDEATHSIG, 9);
  int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0 || chdir("/") < 0) return error_errno(err, "open", "the container's root");
  *self = fd_steal(&own);
  return root;
}
