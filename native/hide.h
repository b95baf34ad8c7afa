#pragma once
#include "config.h"

/* Masked and read-only paths; after the sysctls, which lie below /proc/sys. */
int hide_paths(const struct config *config, int root, struct error *err);
