#pragma once
#include <stdbool.h>
#include <string.h>

/* The extended attributes that images may carry. `trusted.overlay.*` would let a layer speak to the overlay itself, as redirecting to other
   folders; labels of security modules belong to the host. */
static inline bool layer_xattr_wanted(const char *name) {
  return strcmp(name, "security.capability") == 0 || strncmp(name, "system.posix_acl_", 17) == 0 ||
    (strncmp(name, "user.", 5) == 0 && strncmp(name, "user.overlay.", 13) != 0);
}
