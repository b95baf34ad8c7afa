#pragma once
#include <stdbool.h>
#include <sys/types.h>
#include "error.h"

/* How many zones, and how many nameservers. */
#define RESPONDER_LIST 64

/* The child of a shim that answers DNS inside the container: where it listens, and its process. */
struct responder {
  int udp, tcp;         /* bound in the container's network namespace; -1: no responder wanted */
  int lifeline;         /* our end: its EOF tells the child that the shim has gone */
  pid_t pid; int pidfd;
  char **zones, **links, **nameservers; /* as in struct dns_options, with room for RESPONDER_LIST and the NULL behind them */
  const char *resolv;
  const char *bundle;     /* its file `dns` says anew what is served */
  const char *host_resolv; /* what `resolv` is where names are forwarded and no nameserver is named */
  char *text;             /* of that file, where `zones` and `nameservers` point into it */
};

/* Makes the sockets at 127.0.0.11:53 in the namespace at `netns`. */
int responder_bind(struct responder *responder, const char *netns, struct error *err);
/* Forks the child, which gives up every privilege. Again after it has died: the sockets stay. */
int responder_start(struct responder *responder, struct error *err);
/* Serves what BUNDLE/dns (README.md) says from now on. `container`: a process in its network namespace, for sockets that are not there yet.
   Queries that are on their way to other servers are lost, those that have not been read yet are not. */
int responder_renew(struct responder *responder, pid_t container, struct error *err);
void responder_stop(struct responder *responder);
