#pragma once
#include "error.h"

/* A new, empty session keyring: what a container's process keeps there is not seen by others of the same user (root, mostly), and it does not see the engine's. A kernel or
   sandbox without keyrings, and a user who may have no more of them, are no errors. */
int keyring_leave(struct error *err);
