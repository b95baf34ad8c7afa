#pragma once
#include "config.h"

/* A new network namespace is the dearest of a container's, and needs nothing of it: a thread makes it, its loopback up, while the caller goes on. */
void network_ahead_begin(const struct config *config);
/* What it has made becomes one to join, of this descriptor; -1 where it has made none, and the container's process makes its own. */
int network_ahead_take(struct config *config);
