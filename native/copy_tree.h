#pragma once
#include "error.h"

/* Copies what is in the folder `from` into the empty folder `to`: owners, modes, times, xattrs and hard links too, but no sockets. `to` gets the attributes of `from`. */
int copy_tree(int from, int to, struct error *err);
