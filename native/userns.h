#pragma once
#include <sys/types.h>
#include "config.h"

/* Writes the users and groups of a process's new user namespace; needs no helper where the writer is root in the parent one. */
int userns_map(pid_t pid, const struct mappings *mappings, struct error *err);
/* A descriptor of a user namespace with these mappings that nobody lives in: what idmapped mounts are made with. */
int userns_open(const struct mappings *mappings, struct error *err);
/* The same with these mappings, or where there are none with those of the container. */
int userns_of(const struct config *config, const struct mappings *mappings, struct error *err);
