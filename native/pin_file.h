#pragma once
#include "error.h"

/* Makes the new file `path` and mounts on it the namespace that the descriptor `namespace` stands for. With `mounts`, a descriptor of a mount namespace, the file is the one of that
   name in the folder which is that one's root, and the calling thread lives there afterwards; -1: in its own. EEXIST where there is such a file. */
int pin_file(int namespace, int mounts, const char *path, struct error *err);
/* Takes both away again; nothing there is no error. With `mounts` as above. */
int unpin_file(int mounts, const char *path, struct error *err);
