#pragma once
#include "error.h"

/* Why clone3(2) made no user namespace, from errno. */
int userns_refused(struct error *err);
