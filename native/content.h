#pragma once
#include "config.h"

/* Mounts a copy of mount->source on mount->target below `root`, read-only, on a tmpfs that nothing else is on: its bytes are never on the
   container's disk. `data` names owner and mode: uid=N,gid=N,mode=OCTAL; the owner is the container's. It is made below the root's
   folder, as a mount of this mount namespace alone. */
int content_mount(const struct config *config, const struct mount_spec *mount, int root, struct error *err);
/* That copy as a mount that is attached nowhere yet. */
int content_tree(const struct config *config, const struct mount_spec *mount, struct error *err);
