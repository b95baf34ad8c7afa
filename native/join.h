#pragma once
#include "config.h"

/* Joins the namespace of that kind by its path; none: nothing. */
int join_namespace(const struct config *config, enum namespace_kind kind, struct error *err);
/* Joins every namespace that is given by its path, the user's aside. */
int join_namespaces(const struct config *config, struct error *err);
/* Sets process.oomScoreAdj, which children inherit. */
int join_oom(const struct config *config, struct error *err);
