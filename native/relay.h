#pragma once
#include <poll.h>
#include <stdbool.h>
#include "queue.h"

/* What stands between the stdio of `exec` and the terminal of the process it runs. */
#define RELAY_ENTRIES 4
struct relay {
  int master, slave, control;   /* control: lines with requests to resize; -1: none */
  bool typing;                  /* our stdin goes on */
  struct queue typed, shown;
  char line[256]; unsigned used;
};
#define RELAY_NONE {.master = -1, .slave = -1, .control = -1}

/* `master` -1: nothing to relay. */
void relay_open(struct relay *relay, int master, int control);
/* Fills RELAY_ENTRIES entries; free ones have descriptor -1. */
void relay_poll(const struct relay *relay, struct pollfd *entries);
/* False once nobody is left to show anything to. */
bool relay_handle(struct relay *relay, const struct pollfd *entries);
/* Shows what is left, and hangs the terminal up. */
void relay_finish(struct relay *relay);
