#pragma once
#include "error.h"

/* Copies what is in the folder `from` into the empty folder `to`: owners, modes, times, xattrs and hard links too, but no sockets. `to` gets the attributes of `from`. */
int copy_tree(int from, int to, struct error *err);

/* The same into a file system that may stop answering: SIGALRM ends the process where one entry, or a piece of one, takes longer than `patience` seconds. */
int copy_tree_bounded(int from, int to, unsigned patience, struct error *err);
