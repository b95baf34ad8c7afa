#pragma once
#include "error.h"

/* Prints what the folder `tree` has that `base`, which it began as a copy of, does not: KIND PATH NUL, where KIND is C (changed), A (added) or D (deleted). Both are descriptors. */
int compare_trees(int tree, int base, struct error *err);
