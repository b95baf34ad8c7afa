#pragma once
#include <sys/types.h>
#include "config.h"
#include "userns_refused.h"

/* Writes the users and groups of a process's new user namespace; needs no helper where the writer is root in the parent one. */
int userns_map(pid_t pid, const struct mappings *mappings, struct error *err);
/* Makes this process, which has one thread, the root of the user namespace `fd`. */
int userns_enter(int fd, struct error *err);
/* The same of the one it is in. */
int userns_become_root(struct error *err);
/* A descriptor of a user namespace with these mappings that nobody lives in: what idmapped mounts are made with. */
int userns_open(const struct mappings *mappings, struct error *err);
/* The same with these mappings, or where there are none with those of the container. */
int userns_of(const struct config *config, const struct mappings *mappings, struct error *err);
