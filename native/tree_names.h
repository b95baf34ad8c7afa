#pragma once
#include <linux/openat2.h>
#include "error.h"

/* Names of a layer's entries, and the folders that they lead to below `root`, a descriptor: nothing that a name, a symlink or a hard link says reaches out of it. `name` is the entry's own, for what is said of it. */

#define OPAQUE "trusted.overlay.opaque"

/* An error of the kernel's about one entry, and one in words. -1. */
int entry_errno(struct error *err, const char *syscall, const char *name);
int entry_text(struct error *err, const char *name, const char *what);

/* Normalises: no leading, trailing or doubled slashes, no "."; "" is the folder itself. An absolute name means the same below the folder, as with
   every image tool. `..` is refused. */
int clean_name(const char *name, char *into, struct error *err);
/* Splits a clean name. "" and names without a slash stand in the folder itself. */
const char *split_name(const char *name, char *parent);

/* openat2 with `resolve`, closed on exec. */
int open_below(int at, const char *path, int flags, unsigned long long resolve);
/* Opens a folder by way of symlinks in its name. Relative ones must stay inside. Absolute ones, as `var/run -> /run`, are what the container will
   see, and so lead to the folder's own. -1 where there is none; -2 with `err`. */
int open_through_links(int root, const char *folder, const char *name, struct error *err);
/* A folder `base`, kept where it is there, made in place of anything else. Answers its descriptor. */
int make_folder(int parent, const char *base, const char *name, struct error *err);
/* Makes the missing folders of a name, one by one from the first that is missing. Answers the last one's descriptor. */
int make_folders(int root, const char *folder, const char *name, struct error *err);
/* Removes `base` with all that is in it; nothing there is fine. */
int remove_at(int parent, const char *base, struct error *err);
