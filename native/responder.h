#pragma once
#include <sys/types.h>
#include "error.h"

/* The child of a shim that answers DNS inside the container: where it listens, and its process. */
struct responder {
  int udp, tcp;         /* bound in the container's network namespace; -1: no responder wanted */
  int lifeline;         /* our end: its EOF tells the child that the shim has gone */
  pid_t pid; int pidfd;
  char **zones, **links, **nameservers; /* as in struct dns_options */
  const char *resolv;
};

/* Makes the sockets at 127.0.0.11:53 in the namespace at `netns`. */
int responder_bind(struct responder *responder, const char *netns, struct error *err);
/* Forks the child, which gives up every privilege. Again after it has died: the sockets stay. */
int responder_start(struct responder *responder, struct error *err);
void responder_stop(struct responder *responder);
