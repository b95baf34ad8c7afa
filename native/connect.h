#pragma once
#include "error.h"

/* A stream socket that is connected to the one at `path`. */
int connect_unix(const char *path, struct error *err);
