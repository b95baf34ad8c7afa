#pragma once
#include "config.h"

/* Writes linux.sysctl, by the container's own /proc: without following a link or leaving that procfs, so that what lies over a part of it does not send the value elsewhere (CVE-2025-52881). */
int sysctls_set(const struct config *config, int root, struct error *err);
/* The same from outside, for the namespaces of the process that this pidfd stands for: not everything is its own root's to set. */
int sysctls_set_of(const struct config *config, int process, struct error *err);
