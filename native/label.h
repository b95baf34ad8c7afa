#pragma once
#include "error.h"

/* AppArmor: the profile that a process runs under from its next execve on. */

/* The folder of the calling process's attributes in the host's /proc; an error where this kernel has no AppArmor. */
int label_open(const char *profile, struct error *err);
int label_set(int attributes, const char *profile, struct error *err);
