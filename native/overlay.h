#pragma once
#include "error.h"

/* Mounts an overlay on `target`. `options` is mount(2)'s string; names in it are relative to `cwd` where that is given. Leaves the working
   directory there. More layers than fit into mount(2)'s page go one by one through fsconfig(2). */
int overlay_mount(const char *target, const char *options, const char *cwd, struct error *err);
