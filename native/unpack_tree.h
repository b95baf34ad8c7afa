#pragma once
#include <stdbool.h>
#include "unpack_tar.h"

/* A folder that becomes an overlay lowerdir. Every name is resolved by openat2 from the folder's descriptor, so that no name, symlink or hard
   link reaches out of it: names with `..` and symlinks that climb out are errors, an absolute symlink leads to the same path in the folder. */
struct tree;

struct tree *tree_open(const char *path, struct error *err);
/* It is no layer but a folder that is in use: names that mean whiteouts there are names like others. `keep_kinds`: nothing takes a folder's place but a folder, and the other way round.
   `owned`: all becomes that user's and group's. */
struct tree_merge { bool keep_kinds, owned; unsigned uid, gid; };
void tree_merge(struct tree *tree, const struct tree_merge *merge);
/* The folder is a copy of what all layers below hold together: whiteouts take away what they name, and leave no mark. */
void tree_whole(struct tree *tree);
/* Makes what the entry says, with its content from `stream`. What an earlier entry made under that name goes, folders over folders apart. */
int tree_add(struct tree *tree, const struct tar_entry *entry, struct stream *stream, struct error *err);
/* Sets the folders' times, which later entries have changed. */
int tree_finish(struct tree *tree, struct error *err);
/* Writes it to the disk: whoever finds the folder under its final name after a power cut may trust it. */
int tree_sync(struct tree *tree, struct error *err);
void tree_close(struct tree *tree);
