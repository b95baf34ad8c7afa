#pragma once
#include "config.h"

/* The mounts of config.json in their order, then devices. `cgroup`: of the container, for mounts of that type. */
struct cgroup;
int mounts_apply(const struct config *config, int root, const struct cgroup *cgroup, struct error *err);
/* Whether something of this has to be made ready before the container's namespaces are entered. */
bool mounts_need_host(const struct config *config);
/* Makes it ready: what only the host's root may reach, map or mount. With users of its own that is the root itself too. */
int mounts_prepare(struct config *config, struct error *err);
