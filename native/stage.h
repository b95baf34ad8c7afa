#pragma once
#include "init.h"

/* A process between the launcher and the container's first one, for what has to be done before the latter is made and by nobody else: pid and time
   namespaces hold for children only, and in a user namespace of its own the first process may neither join the host's namespaces nor open what only root reaches. */
bool stage_is_needed(const struct config *config);
/* Its pid as the caller sees it, and its pidfd; the first process is the caller's child. What fails after that is told by init->failure. */
pid_t stage_run(struct init_context *init, int *pidfd, struct error *err);
