#pragma once
#include <sys/types.h>
#include "error.h"

/* Stands between a process and whoever started this program until the process has ended: passes signals on and, where `console` is a socket that the terminal's
   master comes over (-1: there is none), its terminal too, with ours in raw mode. The exit code, 128 + signal where it was killed. */
int foreground(pid_t pid, int pidfd, int console, struct error *err);
