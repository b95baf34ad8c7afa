#pragma once
#include <sys/types.h>
#include "error.h"

/* Paths inside a container's root, whatever links its image holds: resolved by openat2(RESOLVE_IN_ROOT), named afterwards by descriptor. */

/* O_PATH descriptor of `path` below `root`; -1 with errno. */
int inroot_open(int root, const char *path, int flags);
/* The same, but no link at all is followed (ELOOP). */
int inroot_open_plain(int root, const char *path, int flags);
/* The same as inroot_open, but a path or link that leads out of `folder` is an error (EXDEV). */
int inroot_open_beneath(int folder, const char *path, int flags);
/* The same, but neither links nor mounts are followed. */
int inroot_open_here(int folder, const char *path, int flags);
/* O_PATH descriptor of `path` below `root`, made where missing (with the folders above it, and where a link leads that nothing is behind): a folder, or an empty file where `file`. */
int inroot_make(int root, const char *path, bool file, mode_t mode, struct error *err);
/* The name by which mount(2) reaches a descriptor. `text` holds 32 bytes. */
const char *inroot_name(int fd, char *text);
