#pragma once
#include "config.h"

/* A container's root: made in its mount namespace, and in the end its processes' own. */

/* Makes the root at config->root in the current mount namespace: overlay by annotation, else a bind of the folder to itself.
   Returns a descriptor of it. */
int newroot_make(const struct config *config, struct error *err);
/* For users of its own: makes it ready (config->root_tree) while the host's root still has all it needs for that, in a mount namespace of the stage's own. */
int newroot_prepare(struct config *config, struct error *err);
/* Makes `root` the root: by pivot_root(2), after which nothing of the host is mounted; with `no_pivot` by moving it over the old one, which is then only hidden; in
   the host's own mount namespace by chroot(2). */
int newroot_enter(const struct config *config, int root, bool no_pivot, struct error *err);
/* Takes away what was mounted in the host's own mount namespace, where the container had no other. */
void newroot_leave(const struct config *config);
