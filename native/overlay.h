#pragma once
#include "error.h"

/* Mounts an overlay on `target`. `options` is mount(2)'s string; names in it are relative to `cwd` where that is given. Leaves the working
   directory elsewhere. Up to 500 layers, however long their names. `users`: a user namespace
   through whose mappings the lower folders are seen; the upper one, which is not, has to be named absolutely then. -1: none. How many mounts lie on `target` then. */
int overlay_mount(const char *target, const char *options, const char *cwd, int users, struct error *err);
/* The same as a mount that is attached nowhere; `place` is a folder that mounts of this mount namespace alone may lie on. */
int overlay_tree(const char *place, const char *options, int users, struct error *err);
/* Says, from errno, that what lies at `path` has no idmapped mounts. */
int overlay_not_idmapped(const char *what, const char *path, struct error *err);
