#pragma once
#include "config.h"

/* Makes the nodes that config.json asks for ready for a container with users of its own, while the host's root may make them. */
int device_trees(struct config *config, struct error *err);
/* The devices and links that the specification's section "Default Devices" asks for, in `dev`, the root of the container's new /dev, and those of config.json. */
int device_nodes(const struct config *config, int root, int dev, struct error *err);
/* O_PATH descriptor of the null device: the container's own where that is one, whatever its image or its neighbours have put there (CVE-2025-31133), else the host's. -1 with errno. */
int device_null(int root);
