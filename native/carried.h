#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include "queue.h"

/* Where connections are carried to; they take turns. */
#define CARRY_TARGETS 1024
struct carry_targets {
  size_t count, next;
  struct sockaddr_storage address[CARRY_TARGETS];
};

/* What an event of epoll belongs to. */
enum carry_kind { CARRY_LISTENER, CARRY_ENGINES, CARRY_ENGINE, CARRY_CLIENT, CARRY_UPSTREAM, CARRY_FLOW };
struct carry_end { enum carry_kind kind; int fd; void *owner; };

/* A connection on its way: bytes of the client's, bytes of the container's. Each side's end of input is passed on, either's failure ends both. */
struct carried {
  struct carry_end client, upstream;
  struct queue up, down;
  bool connecting;
  bool client_ended, upstream_ended;   /* no more to read from */
  bool up_closed, down_closed;         /* that is passed on */
  size_t first, tried;                 /* the target whose turn it was, and how many were tried from there on */
  struct carried *next;                /* of those that are to be freed */
};

/* Begins to carry `client`, which it owns from now on; NULL where there is nobody to carry it to, or no room. */
struct carried *carried_open(int epoll, int client, struct carry_targets *targets);
/* Goes on after events at one of its ends. False: it is over, and to be freed once all events of this turn are looked at. */
bool carried_handle(int epoll, const struct carry_end *end, uint32_t events, struct carry_targets *targets);
void carried_close(struct carried *carried);
