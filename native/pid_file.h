#pragma once
#include <sys/types.h>
#include "error.h"

/* Writes a process's number, by rename. */
int pid_file_write(const char *path, pid_t pid, struct error *err);
