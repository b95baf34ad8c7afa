#pragma once
#include "config.h"

/* Writes linux.sysctl, by the container's own /proc: without following a link or leaving that procfs, so that what lies over a part of it does not send the value elsewhere (CVE-2025-52881). */
int sysctls_set(const struct config *config, int root, struct error *err);
