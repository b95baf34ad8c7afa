#pragma once

/* Runs this program again from a read-only mount of itself; returns where it is on one already, or where that cannot be. Calls nothing of the C library. */
void self_again(char **argv, char **env);
