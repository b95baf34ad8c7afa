#pragma once
#include "config.h"

/* Makes the root at config->root in the current mount namespace: overlay by annotation, else a bind of the folder to itself.
   Returns a descriptor of it. */
int mounts_root(const struct config *config, struct error *err);
/* The mounts of config.json in their order, then devices, masked and read-only paths. `cgroup_names`: the v1 controllers whose hierarchies
   the container is in, NULL-terminated; `unified` whether it is in a v2 one beside them. */
struct cgroup;
int mounts_apply(const struct config *config, int root, const struct cgroup *cgroup, struct error *err);
/* Masked and read-only paths; after the sysctls, which lie below /proc/sys. */
int mounts_hide(const struct config *config, int root, struct error *err);
/* The terminal `slave` at /dev/console. */
int mounts_console(int root, int slave, struct error *err);
/* Whether something of this has to be made ready before the container's namespaces are entered. */
bool mounts_need_host(const struct config *config);
/* Makes it ready: what only the host's root may reach, map or mount. With users of its own that is the root itself too. */
int mounts_prepare(struct config *config, struct error *err);
/* Makes `root` the root: by pivot_root(2), after which nothing of the host is mounted; with `no_pivot` by moving it over the old one, which is then only hidden; in
   the host's own mount namespace by chroot(2). */
int mounts_change_root(const struct config *config, int root, bool no_pivot, struct error *err);
/* Takes away what was mounted in the host's own mount namespace, where the container had no other. */
void mounts_leave(const struct config *config);
