#pragma once
#include <stdint.h>
#include "error.h"

/* Number of `CAP_NAME`; -1 for an unknown one or NULL. */
int caps_number(const char *name);
/* Its name without `CAP_`; NULL past the last one. */
const char *caps_name(int number);
/* The calling process's permitted set. */
uint64_t caps_own(void);
/* Drops what is not in `bounding` from the bounding set; what this kernel does not know is passed over. */
int caps_bound(uint64_t bounding, struct error *err);
int caps_set(uint64_t effective, uint64_t permitted, uint64_t inheritable, struct error *err);
int caps_ambient(uint64_t ambient, struct error *err);
