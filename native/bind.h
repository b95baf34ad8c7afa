#pragma once
#include "config.h"

/* Makes the folder, and those above it that are missing. What is there stays. */
int bind_make_source(const char *path, struct error *err);
/* The bound tree of a mount of type bind with all that was asked of it, not attached yet: it is never visible writable for a moment. */
int bind_tree(const struct config *config, const struct mount_spec *mount, struct error *err);
/* The same, mounted below `root`. */
int bind_mount(const struct config *config, const struct mount_spec *mount, int root, struct error *err);
