#pragma once
#include "config.h"

/* Who a process runs as, as Docker reads `user[:group]` and the image's own /etc/passwd and /etc/group. */
struct identity {
  uid_t uid; gid_t gid;
  gid_t gids[256]; size_t gid_count;  /* supplementary, the primary one first */
  char home[512];                     /* "/" where nothing says */
};

/* Looks names up below the current root: call it when the container's root is `/`. */
int user_resolve(const struct process_spec *process, struct identity *identity, struct error *err);
