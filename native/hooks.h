#pragma once
#include "config.h"

/* What a hook reads on its stdin: the container's state (runtime.md, "State"). */
struct container_state { const char *version, *id, *bundle; const struct config *config; };

/* The state as one JSON object, in the arena. `pid` 0: left out. */
char *hooks_state(const struct container_state *state, const char *status, int pid);
/* Runs them one after the other until one fails: it ended with another code than 0, by a signal, or not within its timeout (then it is killed, and what it
   started with it). `kind` names them in errors, which quote what the hook said on stderr. */
int hooks_run(const struct config *config, enum hook_kind kind, const char *state, struct error *err);
/* Runs all of them, whatever fails; each failure is told to `warn`. */
void hooks_run_all(const struct config *config, enum hook_kind kind, const char *state, void (*warn)(const struct error *err));
