/* A query as a container sends it, the reply that is written to it, and a reply that comes from upstream. */
#include <string.h>

#include "dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  static uint8_t out[DNS_UDP_MAX];
  struct dns_query query;
  struct dns_reply reply;
  int rcode = dns_query_read(&query, bytes, length);
  if (rcode < 0) return 0;
  size_t limit = query.udp_limit < DNS_UDP_PLAIN ? DNS_UDP_PLAIN : query.udp_limit > sizeof out ? sizeof out : query.udp_limit;
  dns_reply_begin(&reply, &query, out, limit);
  for (int i = 0; i < 200; i++) dns_reply_add(&reply, DNS_AAAA, 5, "0123456789abcdef", 16);
  dns_reply_add_name(&reply, DNS_PTR, 5, query.name);
  size_t made = dns_reply_end(&reply, rcode, true, false);
  if (made > limit) __builtin_trap();
  dns_reply_empty(&query, out, rcode, true);
  if (length >= DNS_HEADER && query.question_end <= length) {
    dns_reply_matches(bytes, query.question_end, bytes, length);
    dns_reply_matches(bytes, query.question_end, out, made);
  }
  return 0;
}
