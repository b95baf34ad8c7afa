#pragma once
#include "error.h"

/* Puts a loop device over a file; it goes by itself when nobody has it open or mounted. Returns a descriptor that keeps it until then, and its path
   in `path`, which holds 32 bytes. */
int loop_attach(const char *file, bool readonly, char *path, struct error *err);
