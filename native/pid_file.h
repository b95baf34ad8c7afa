#pragma once
#include <sys/types.h>
#include "error.h"

/* Writes a process's number, by rename: the file is whole as soon as it is there. */
int pid_file_write(const char *path, pid_t pid, struct error *err);
