#pragma once
#include <sys/types.h>
#include "error.h"
#include "relay.h"

/* What stays beside a process that was started in a container, and ends with it. */

/* Descriptor by which SIGTERM and SIGINT come from now on. */
int attend_signals(struct error *err);
/*
 * Until the process, which leads a session and a process group, has ended: its exit code, 128 + signal where it was killed. SIGINT is passed on to the group, SIGTERM kills it, and so do the letters I and K that
 * come by `engine` (-1: none), whose end says nothing.
 */
int attend(pid_t pid, int pidfd, int signals, int engine, struct relay *relay);
/* Tells the engine how it has ended: `exit CODE` and a newline. */
void attend_tell(int engine, int code);
