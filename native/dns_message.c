#include "dns_message.h"

#include <string.h>

enum { ID = 0, FLAGS = 2, QDCOUNT = 4, ANCOUNT = 6, NSCOUNT = 8, ARCOUNT = 10 };
enum { QR = 0x80, OPCODE = 0x78, AA = 0x04, TC = 0x02, RD = 0x01 }; /* first byte of the flags */
enum { RA = 0x80, CD = 0x10 };                                      /* second byte */
enum { POINTER = 0xc0, LABEL_MAX = 63, NAME_BYTES_MAX = 255, OPT_BYTES = 11, RECORD_BYTES = 12 };

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

/* The question's name, which has nothing before it that a pointer could lead to: pointers are refused, so there are no loops either. */
static bool read_name(struct dns_query *query, size_t *at) {
  size_t used = 0;
  bool writable = true;
  for (size_t from = *at;;) {
    if (*at >= query->length) return false;
    uint8_t label = query->bytes[(*at)++];
    if (label > LABEL_MAX || *at + label > query->length || *at + label - from > NAME_BYTES_MAX - (label ? 1 : 0)) return false;
    if (label == 0) break;
    if (used) query->name[used++] = '.';
    for (const uint8_t *end = query->bytes + *at + label, *c = query->bytes + *at; c < end; c++) {
      if (*c <= ' ' || *c == '.' || *c == 0x7f) writable = false; /* "a.b" as one label is not the name a.b */
      query->name[used++] = lower((char)*c);
    }
    *at += label;
  }
  query->name[writable ? used : 0] = 0;
  return true;
}

/* Steps over a record's name, which may end in a pointer; where that leads does not matter here. */
static bool skip_name(const struct dns_query *query, size_t *at) {
  while (*at < query->length) {
    uint8_t label = query->bytes[(*at)++];
    if (label == 0) return true;
    if ((label & POINTER) == POINTER) return ++*at <= query->length;
    if (label > LABEL_MAX) return false;
    *at += label;
  }
  return false;
}

/* The records behind the question; only OPT is of interest. */
static int read_records(struct dns_query *query, size_t at) {
  unsigned count = dns_read16(query->bytes + ANCOUNT) + dns_read16(query->bytes + NSCOUNT) + dns_read16(query->bytes + ARCOUNT);
  int rcode = DNS_NOERROR;
  for (; count > 0; count--) {
    size_t start = at;
    if (!skip_name(query, &at) || query->length - at < 10) return DNS_FORMERR;
    const uint8_t *fixed = query->bytes + at;
    size_t data = dns_read16(fixed + 8);
    at += 10;
    if (query->length - at < data) return DNS_FORMERR;
    at += data;
    if (dns_read16(fixed) != DNS_OPT) continue;
    if (query->edns || query->bytes[start] != 0) return DNS_FORMERR;
    uint16_t size = dns_read16(fixed + 2);
    query->edns = true;
    query->udp_limit = size < DNS_UDP_PLAIN ? DNS_UDP_PLAIN : size > DNS_UDP_MAX ? DNS_UDP_MAX : size;
    query->dnssec_ok = fixed[6] & 0x80;
    if (fixed[5] != 0) rcode = DNS_BADVERS;
  }
  return rcode;
}

int dns_query_read(struct dns_query *query, const uint8_t *bytes, size_t length) {
  *query = (struct dns_query){.bytes = bytes, .length = length, .question_end = DNS_HEADER, .udp_limit = DNS_UDP_PLAIN};
  if (length < DNS_HEADER || bytes[FLAGS] & QR) return -1;
  if (length > DNS_QUERY_MAX) return DNS_FORMERR;
  if (bytes[FLAGS] & OPCODE) return DNS_NOTIMP;
  size_t at = DNS_HEADER;
  if (dns_read16(bytes + QDCOUNT) != 1 || !read_name(query, &at) || length - at < 4) return DNS_FORMERR;
  query->type = dns_read16(bytes + at);
  query->class = dns_read16(bytes + at + 2);
  query->question_end = at + 4;
  int rcode = read_records(query, query->question_end);
  if (rcode == DNS_NOERROR && (query->type == DNS_AXFR || query->type == DNS_IXFR)) return DNS_REFUSED;
  return rcode;
}

void dns_reply_begin(struct dns_reply *reply, const struct dns_query *query, uint8_t *bytes, size_t limit) {
  *reply = (struct dns_reply){.bytes = bytes, .query = query, .limit = limit - (query->edns ? OPT_BYTES : 0), .length = query->question_end};
  memcpy(bytes, query->bytes, query->question_end);
}

static bool begin_record(struct dns_reply *reply, uint16_t type, uint32_t ttl, size_t length) {
  if (reply->truncated || reply->limit - reply->length < RECORD_BYTES + length) {
    reply->truncated = true;
    return false;
  }
  uint8_t *at = reply->bytes + reply->length;
  dns_write16(at, POINTER << 8 | DNS_HEADER);
  dns_write16(at + 2, type);
  dns_write16(at + 4, DNS_IN);
  dns_write16(at + 6, (uint16_t)(ttl >> 16));
  dns_write16(at + 8, (uint16_t)ttl);
  dns_write16(at + 10, (uint16_t)length);
  reply->length += RECORD_BYTES + length;
  reply->answers++;
  return true;
}

void dns_reply_add(struct dns_reply *reply, uint16_t type, uint32_t ttl, const void *data, size_t length) {
  if (begin_record(reply, type, ttl, length)) memcpy(reply->bytes + reply->length - length, data, length);
}

void dns_reply_add_name(struct dns_reply *reply, uint16_t type, uint32_t ttl, const char *name) {
  uint8_t wire[NAME_BYTES_MAX];
  size_t used = 0;
  for (const char *at = name; *at;) {
    size_t label = strcspn(at, ".");
    if (label == 0 || label > LABEL_MAX || used + 1 + label + 1 > sizeof wire) return; /* not a name that DNS can carry */
    wire[used++] = (uint8_t)label;
    memcpy(wire + used, at, label);
    used += label;
    at += label + (at[label] == '.');
  }
  wire[used++] = 0;
  dns_reply_add(reply, type, ttl, wire, used);
}

size_t dns_reply_end(struct dns_reply *reply, int rcode, bool authoritative, bool recursion) {
  const struct dns_query *query = reply->query;
  uint8_t *bytes = reply->bytes;
  bytes[FLAGS] = (uint8_t)(QR | (query->bytes[FLAGS] & (OPCODE | RD)) | (authoritative ? AA : 0) | (reply->truncated ? TC : 0));
  bytes[FLAGS + 1] = (uint8_t)((recursion ? RA : 0) | (query->bytes[FLAGS + 1] & CD) | (rcode & 15));
  dns_write16(bytes + QDCOUNT, query->question_end > DNS_HEADER);
  dns_write16(bytes + ANCOUNT, reply->answers);
  dns_write16(bytes + NSCOUNT, 0);
  dns_write16(bytes + ARCOUNT, query->edns);
  if (!query->edns) return reply->length;
  const uint8_t opt[OPT_BYTES] = {0, 0, DNS_OPT, DNS_UDP_MAX >> 8, DNS_UDP_MAX & 255, (uint8_t)(rcode >> 4), 0, query->dnssec_ok ? 0x80 : 0};
  memcpy(bytes + reply->length, opt, sizeof opt);
  return reply->length + sizeof opt;
}

size_t dns_reply_empty(const struct dns_query *query, uint8_t *bytes, int rcode, bool recursion) {
  struct dns_reply reply;
  dns_reply_begin(&reply, query, bytes, DNS_UDP_PLAIN);
  return dns_reply_end(&reply, rcode, false, recursion);
}

size_t dns_truncate(uint8_t *bytes, size_t question_end) {
  bytes[FLAGS] |= TC;
  memset(bytes + ANCOUNT, 0, DNS_HEADER - ANCOUNT);
  return question_end;
}

bool dns_reply_matches(const uint8_t *query, size_t question_end, const uint8_t *reply, size_t length) {
  if (length < DNS_HEADER || memcmp(query + ID, reply + ID, 2) != 0 || !(reply[FLAGS] & QR) || reply[FLAGS] & OPCODE) return false;
  if (length == DNS_HEADER) return true;
  if (length < question_end || dns_read16(reply + QDCOUNT) != 1) return false;
  size_t name_end = question_end - 4;
  for (size_t at = DNS_HEADER; at < name_end; at++) if (lower((char)query[at]) != lower((char)reply[at])) return false; /* lengths are below 'A' */
  return memcmp(query + name_end, reply + name_end, 4) == 0;
}
