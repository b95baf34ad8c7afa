#pragma once
#include "config.h"

/* Mounts a copy of mount->source on mount->target below `root`, read-only, on a tmpfs that nothing else is on: its bytes are never on the
   container's disk. `data` names owner and mode: uid=N,gid=N,mode=OCTAL. `place`: a folder of the host's that mounts of this mount namespace alone lie on. */
int content_mount(const struct mount_spec *mount, int root, const char *place, struct error *err);
/* That copy as a mount that is attached nowhere yet. */
int content_tree(const struct mount_spec *mount, const char *place, struct error *err);
