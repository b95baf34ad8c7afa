#pragma once
#include "dns_message.h"
#include "dns_upstream.h"
#include "dns_zone.h"

#define DNS_ZONES 64
#define DNS_TURNS 64

/* What is answered without asking anybody else. */
struct dns_answers {
  struct dns_zone zones[DNS_ZONES];
  size_t zone_count;
  char **links;                /* NAME=OTHER: this container calls the other one so; NULL-terminated */
  struct dns_servers *servers; /* to whom other names are forwarded */
  uint8_t turns[DNS_TURNS];    /* where the next answer of several addresses begins, by hash of the name: names do not disturb each other's turn */
};

/* -1 with errno where the kernel gives no randomness. */
int dns_answers_open(struct dns_answers *answers, char **zones, char **links, struct dns_servers *servers);
/* Whether other names are forwarded. */
bool dns_recursive(const struct dns_answers *answers);
/* The reply's length, 0 where the name is not ours and has to be forwarded. `bytes` has room for `limit`. */
size_t dns_answer(struct dns_answers *answers, const struct dns_query *query, uint8_t *bytes, size_t limit);
