#pragma once

/* Number of a signal: `KILL`, `SIGKILL`, `9`, `RTMIN+3`; -1 for none. */
int signal_number(const char *name);
