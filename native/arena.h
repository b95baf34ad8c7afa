#pragma once
#include <stddef.h>

/* All that is made while a configuration is read, JSON included, lies in one mapping that is given back whole: a shim stays for
   months and must not keep what its start needed. Never freed piece by piece. */
void arena_open(void);
/* NULL where 16 MiB are used up. Aligned for anything. */
void *arena_alloc(size_t size);
char *arena_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Forgets everything and gives the pages back to the kernel. */
void arena_reset(void);
