#pragma once
#include "config.h"

/* An overlay of layers that a bundle names beside its root's, as a mount that is attached nowhere yet. */
int layers_tree(const struct config *config, const struct mount_spec *mount, struct error *err);
/* Mounts it, or what lies at mount->subpath in it, on mount->target below `root`. */
int layers_mount(const struct config *config, const struct mount_spec *mount, int root, struct error *err);
