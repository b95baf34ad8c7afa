#pragma once
#include "error.h"

/* Gives up user, groups and every capability for good: the process is nobody's from here on. */
int privileges_drop(struct error *err);
