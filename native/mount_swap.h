#pragma once
#include <stdbool.h>
#include <sys/stat.h>
#include "error.h"

/* Whether what is mounted at a descriptor, found so, may be put away. */
typedef bool mount_is(int fd, const struct statx *found);

/* Puts a detached mount in the place of what is mounted at `target` below `root`, in the mount namespace that the process is in: at each moment the one or the other is seen, whole. Before Linux 6.5 the former stays
   below the new one, where nobody sees it, until the namespace ends. `self`: the /proc/self/fd of outside, for that namespace need not have one. What is not `right` there is left: `wrong` says so. */
int mount_swap(int root, int self, int tree, const char *target, mount_is *right, const char *wrong, struct error *err);
