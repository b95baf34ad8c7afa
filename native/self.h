#pragma once

/* Runs this program again from a read-only mount of itself, where it is not on one already: a container's process that opens its
   /proc/PID/exe while that still is this program must not be able to write to it (CVE-2019-5736). Returns where that is so. */
void self_protect(char **argv);
/* The name by which others see this process, in place of its command line; after self_protect. */
void self_rename(const char *name);
/* These words, as far as there is room for them, in place of those that this process was started with; after self_protect. */
void self_retitle(char **words, int count);
