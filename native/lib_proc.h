#pragma once
#include "error.h"

/* A descriptor of a /proc, for the settings of a new network namespace. Each namespace leaves its own `sys/net/ipv4` and so on in the kernel's cache of names, below
   one folder, and finding those of the thousandth in the host's /proc means passing by all others: so each /proc serves a few namespaces only. */
int proc_root(struct error *err);
