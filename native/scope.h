#pragma once
#include <unistd.h>

/* A descriptor that closes itself at the end of its scope; `fd_steal` moves it out. */
static inline void fd_scope_end(int *fd) { if (*fd >= 0) close(*fd); }
#define fd_auto __attribute__((cleanup(fd_scope_end))) int
static inline int fd_steal(int *fd) { int result = *fd; *fd = -1; return result; }
