#pragma once
#include <stdbool.h>
#include <sys/types.h>
#include "error.h"

/* Output sent on to a syslog server, by a child of the shim's: whatever that server does, the shim goes on. */
struct syslog_forward {
  int pipe;         /* to the child; -1: nothing is sent on */
  pid_t child;
  int room;         /* bytes that the pipe holds */
  bool blocking;    /* the container waits where the pipe is full; else what does not fit is not sent */
};

/* `options`: the JSON object of --syslog (README.md). */
int syslog_start(struct syslog_forward *forward, const char *options, struct error *err);
/* Whether a chunk of output can be taken now without waiting and without losing any of it. */
bool syslog_has_room(const struct syslog_forward *forward);
void syslog_send(struct syslog_forward *forward, int stream, const char *bytes, size_t length);
/* Ends it, once it has sent what it has, at most `ms` later. */
void syslog_finish(struct syslog_forward *forward, int ms);
