#pragma once
#include "error.h"

/* Takes away below the root what standard input names, each name below `folder` and with a NUL behind it, whole folders with all that is in them. Links above a
   name are followed as in the container, one at its end goes itself. What is mounted stays, and the folders that it is in. Nothing there is fine. */
int archive_remove(int root, const char *folder, struct error *err);
