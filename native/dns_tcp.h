#pragma once
#include <poll.h>
#include "dns_answer.h"
#include "dns_upstream.h"

#define DNS_STREAMS 16

/* The TCP side: the listener in the container and its connections. */
struct dns_tcp {
  int fd;
  struct dns_answers *answers;
  struct dns_servers *servers;
  size_t count;
  struct dns_stream *streams[DNS_STREAMS]; /* the first `count` are used */
};

/* Fills at most 1 + DNS_STREAMS entries and lowers `deadline` to the next time-out; how many were filled. */
size_t dns_tcp_poll(const struct dns_tcp *tcp, struct pollfd *entries, uint64_t *deadline);
/* Takes those `entries` back. */
void dns_tcp_handle(struct dns_tcp *tcp, const struct pollfd *entries);
