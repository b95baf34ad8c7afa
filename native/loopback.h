#pragma once
#include "error.h"

/* Brings up `lo` of the network namespace that the calling thread is in. */
int loopback_up(struct error *err);
