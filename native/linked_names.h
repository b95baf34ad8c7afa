#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "error.h"

/* Files with several names, and the name by which each was met first. Zeroed, it is empty. */
struct linked_names { struct linked *list; size_t count, room; }; /* room: a power of two, at most half of it is used */

/* The name that the file (on `mount`) is known by already; NULL: none, and it is known by `name` from now on. */
int linked_names_find(struct linked_names *names, uint64_t mount, const struct stat *st, const char *name, const char **former, struct error *err);
void linked_names_free(struct linked_names *names);
