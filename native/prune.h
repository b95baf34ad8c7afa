#pragma once
#include "error.h"
#include "inode_set.h"

/* Takes away what lies at `base` in the folder `parent`, or with NULL all that is in the folder, but for the files in `kept` and the folders above
   them: a whiteout's effect where a layer lies on a copy of those below it. Nothing there is fine. */
int prune(int parent, const char *base, const struct inode_set *kept, struct error *err);
