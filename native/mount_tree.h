#pragma once
#include <stdbool.h>
#include <sys/mount.h>

#include "error.h"

/* Mounts that are attached nowhere yet, by descriptor: what is asked of one is done before anybody sees it. */

/* `path` is for the error alone. Nothing to change is no error. */
int tree_attributes(int tree, struct mount_attr attr, bool deep, const char *path, struct error *err);
/* Mounts `tree` on what the descriptor `target` stands for. */
int tree_attach(int tree, int target, const char *path, struct error *err);
