#pragma once
#include <stdbool.h>

/* Whether the descriptor is the root of a procfs: not of something else, nor a part of it that was mounted by itself. */
bool proc_root_is(int fd);
