#pragma once
#include <stddef.h>
#include "carried.h"

/* Datagrams of one client to one container, and back: until neither has said anything for a while. */
struct flow;
struct flows { struct flow *first, *over; size_t count; };

/* Makes ready the socket of a UDP port. */
int flows_prepare(int listener);
/* Sends on what has come to the port. */
void flows_take(struct flows *flows, int epoll, int listener, struct carry_targets *targets);
/* Sends back what has come from a flow's container. */
void flows_return(struct carry_end *end, int listener);
/* Those that lead elsewhere by now are over. */
void flows_lead(struct flows *flows, const struct carry_targets *targets);
/* Ends those that have been silent for too long, and frees what is over: once all events of a turn are looked at. Milliseconds until there is something to do again; -1: until something comes. */
int flows_settle(struct flows *flows);
