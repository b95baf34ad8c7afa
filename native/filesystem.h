#pragma once
#include "config.h"

/* A new file system by fsopen(2), with the type, source, flags and data of `mount`, attached nowhere: a descriptor of its root, which stays one when it is
   attached. So nobody has to look up again, by a name that may lead elsewhere by then, what was just mounted. */
int filesystem_open(const struct mount_spec *mount, struct error *err);
