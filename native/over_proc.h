#pragma once
#include "config.h"

/* Whether `tree` (-1: something new) may be mounted on `target`, in `root`: nothing stands in for a container's /proc or a part of it, by which programs, and this one, learn what is so; but for a
   whole procfs, and for files that count what the container has (lxcfs). */
int over_proc_allowed(const struct mount_spec *mount, int tree, int root, int target, struct error *err);
