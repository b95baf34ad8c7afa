#pragma once
#include <stdbool.h>

/* The kinds of namespace that the specification knows. */
enum namespace_kind { NS_USER, NS_PID, NS_NETWORK, NS_IPC, NS_UTS, NS_CGROUP, NS_TIME, NS_MOUNT, NAMESPACE_KINDS };

/* `type` is the specification's word, `file` the name below /proc/PID/ns, `flag` CLONE_NEW*. */
struct namespace { const char *type, *file; unsigned long flag; };
extern const struct namespace namespaces[NAMESPACE_KINDS];
