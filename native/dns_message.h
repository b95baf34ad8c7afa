#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* DNS messages (RFC 1035, EDNS RFC 6891): one query read, one reply written. Every offset in them is checked against their length. */

#define DNS_HEADER 12
#define DNS_NAME 256         /* a name as text, NUL included */
#define DNS_QUERY_MAX 1024   /* a question, an OPT and a signature; no honest query is longer */
#define DNS_MESSAGE_MAX 65535
#define DNS_UDP_PLAIN 512    /* what a client without EDNS takes */
#define DNS_UDP_MAX 4096

enum { DNS_NOERROR = 0, DNS_FORMERR = 1, DNS_SERVFAIL = 2, DNS_NXDOMAIN = 3, DNS_NOTIMP = 4, DNS_REFUSED = 5, DNS_BADVERS = 16 };
enum { DNS_A = 1, DNS_PTR = 12, DNS_AAAA = 28, DNS_OPT = 41, DNS_IXFR = 251, DNS_AXFR = 252, DNS_ANY = 255 };
enum { DNS_IN = 1 };

struct dns_query {
  const uint8_t *bytes;
  size_t length, question_end; /* question_end: DNS_HEADER where no question could be read */
  char name[DNS_NAME];         /* in lower case, without the final dot; "" for a name that no zone can hold */
  uint16_t type, class;
  bool edns, dnssec_ok;
  uint16_t udp_limit;          /* longest reply the client takes by UDP */
};

/* The rcode to answer at once, DNS_NOERROR where the query can be looked up, -1 where bytes like these get no answer. `query` points
   into `bytes`. */
int dns_query_read(struct dns_query *query, const uint8_t *bytes, size_t length);

struct dns_reply {
  uint8_t *bytes;
  size_t length, limit;
  const struct dns_query *query;
  uint16_t answers;
  bool truncated;
};

/* Header and question. `limit` is the longest the reply may get; at least DNS_UDP_PLAIN, and `bytes` has room for it. */
void dns_reply_begin(struct dns_reply *reply, const struct dns_query *query, uint8_t *bytes, size_t limit);
/* One record of the question's name. What does not fit is left out, and the reply says so (TC). */
void dns_reply_add(struct dns_reply *reply, uint16_t type, uint32_t ttl, const void *data, size_t length);
/* A record whose data is a name. */
void dns_reply_add_name(struct dns_reply *reply, uint16_t type, uint32_t ttl, const char *name);
/* Finishes the header, adds OPT where the query had one; the reply's length. */
size_t dns_reply_end(struct dns_reply *reply, int rcode, bool authoritative, bool recursion);
/* A whole reply without records. */
size_t dns_reply_empty(const struct dns_query *query, uint8_t *bytes, int rcode, bool recursion);

/* Cuts a reply of others to its header and question, with TC, so that the client asks again by TCP. */
size_t dns_truncate(uint8_t *bytes, size_t question_end);
/* True where `reply` is one to the query: id, kind, question (its case may differ; a header alone has none). */
bool dns_reply_matches(const uint8_t *query, size_t question_end, const uint8_t *reply, size_t length);

static inline uint16_t dns_read16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }
static inline void dns_write16(uint8_t *at, uint16_t value) { at[0] = (uint8_t)(value >> 8); at[1] = (uint8_t)value; }
static inline int dns_rcode(const uint8_t *message) { return message[3] & 15; }
