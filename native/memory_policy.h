#pragma once
#include "config.h"

/* linux.memoryPolicy (specification 1.3): read, and set for the calling process, whose children have it too. */
int memory_policy_read(json_t *object, struct memory_policy *policy, struct error *err);
/* The modes and flags that are known, as `features` says them. */
json_t *memory_policy_features(void);
int memory_policy_set(const struct memory_policy *policy, struct error *err);
