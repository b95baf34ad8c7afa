#pragma once
#include "error.h"

/* Runs `body` on a short-lived thread of its own, so that it may change its network namespace: the thread ends and nothing has to be undone. */
int run_on_thread(int (*body)(void *argument, struct error *err), void *argument, struct error *err);
