#pragma once
#include "error.h"

/* The init of a container that asks for one (`init: true`), as tini is: a first process that starts the container's program, passes signals on to
   it, reaps what is left to it, and ends as the program does. Returns 0 in the process that becomes the program; the other one never returns, and
   closes `failure`. */
int reaper_split(int failure, struct error *err);
