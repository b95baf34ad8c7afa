#pragma once
#include <stddef.h>
#include "config.h"

/* What every container may do, whatever its own list says: make nodes, and use those that the specification gives it (as runc adds them too). */
extern const struct device_rule devices_default[];
extern const size_t devices_default_count;

/* cgroup v2 has no device files: attaches a program that decides by `rules` and the default ones, with the meaning they have in
   version 1: the last rule that matches counts, and an allowing one has to cover the whole access asked for. */
int devices_attach_filter(int cgroup, const struct device_rule *rules, size_t count, struct error *err);
