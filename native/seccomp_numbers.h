#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECCOMP_X32_BIT 0x40000000u

/* `token`: libseccomp's; `audit`: as the kernel tells a filter, the same for x32 as for x86-64. */
struct seccomp_architecture { const char *name; uint32_t token, audit; bool x32; };

enum { SECCOMP_ARCHITECTURES = 5 };
/* Those that a profile can name and that the machines this program runs on can run. */
extern const struct seccomp_architecture seccomp_architectures[SECCOMP_ARCHITECTURES];

/* A system call's number on one of them; -1 where it has none of that name. */
long seccomp_number(const char *name, size_t index);
