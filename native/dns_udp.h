#pragma once
#include <poll.h>
#include "dns_answer.h"
#include "dns_upstream.h"

#define DNS_OUTSTANDING 256

/* The UDP side: the socket in the container and the queries that wait for a nameserver. */
struct dns_udp {
  int fd;
  struct dns_answers *answers;
  struct dns_servers *servers;
  size_t count;
  struct dns_outstanding {
    int fd;
    uint16_t limit; /* longest reply the client takes */
    struct sockaddr_in client;
    struct dns_attempt attempt;
  } outstanding[DNS_OUTSTANDING]; /* the first `count` are used, so that no more memory is */
  uint8_t buffer[DNS_MESSAGE_MAX];
};

/* Fills at most 1 + DNS_OUTSTANDING entries and lowers `deadline` to the next time-out; how many were filled. */
size_t dns_udp_poll(const struct dns_udp *udp, struct pollfd *entries, uint64_t *deadline);
/* Takes those `entries` back. */
void dns_udp_handle(struct dns_udp *udp, const struct pollfd *entries);
