#include "dns_answer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* Seconds. A replaced container has another address: a client that caches (nginx, systemd-resolved) misses it for no longer than this, and
   still does not ask for each connection, as it would with 0. */
#define TTL 5

int dns_answers_open(struct dns_answers *answers, char **zones, bool recursion) {
  answers->recursion = recursion;
  for (; *zones && answers->zone_count < DNS_ZONES; zones++) answers->zones[answers->zone_count++].path = *zones;
  /* Containers that start together do not all begin at the first replica. */
  return getrandom(answers->turns, sizeof answers->turns, 0) == sizeof answers->turns ? 0 : -1;
}

static uint8_t *turn_of(struct dns_answers *answers, const char *name) {
  unsigned hash = 5381;
  for (; *name; name++) hash = hash * 33 + (unsigned char)*name;
  return &answers->turns[hash % DNS_TURNS];
}

/* Adds the address where it is of the type that was asked for. Answers whether it is. */
static bool add_address(struct dns_reply *reply, uint16_t asked, const char *text) {
  uint8_t address[16];
  uint16_t type = inet_pton(AF_INET, text, address) == 1 ? DNS_A : inet_pton(AF_INET6, text, address) == 1 ? DNS_AAAA : 0;
  if (!type || (asked != type && asked != DNS_ANY)) return false;
  if (reply) dns_reply_add(reply, type, TTL, address, type == DNS_A ? 4 : 16);
  return true;
}

/* Records `skip` and on of the name that have the type asked for, `most` of them; how many there are after `skip`. */
static unsigned add_addresses(const struct dns_zone *zone, const struct dns_query *query, struct dns_reply *reply, unsigned skip, unsigned most) {
  char text[DNS_NAME];
  unsigned count = 0;
  for (const char *at = NULL; count < skip + most && (at = dns_zone_find(zone, query->name, at, text));)
    count += add_address(count < skip ? NULL : reply, query->type, text);
  return count < skip ? 0 : count - skip;
}

/* All addresses of the name, beginning with another one each time. Musl asks A and AAAA at once: only answers of several take a turn. */
static void answer_addresses(struct dns_answers *answers, const struct dns_zone *zone, const struct dns_query *query, struct dns_reply *reply) {
  unsigned count = add_addresses(zone, query, NULL, 0, DNS_MESSAGE_MAX);
  unsigned first = count > 1 ? (*turn_of(answers, query->name))++ % count : 0;
  add_addresses(zone, query, reply, first, count - first);
  add_addresses(zone, query, reply, 0, first);
}

/* The address that 4.3.2.1.in-addr.arpa is about, as a zone writes it. */
static bool reverse_address(const char *name, char text[INET_ADDRSTRLEN]) {
  static const char suffix[] = ".in-addr.arpa";
  size_t length = strlen(name), digits = length - (sizeof suffix - 1);
  uint8_t part[4];
  if (length < sizeof suffix || digits >= INET_ADDRSTRLEN || strcmp(name + digits, suffix) != 0) return false;
  memcpy(text, name, digits);
  text[digits] = 0;
  if (inet_pton(AF_INET, text, part) != 1) return false;
  snprintf(text, INET_ADDRSTRLEN, "%u.%u.%u.%u", part[3], part[2], part[1], part[0]);
  return true;
}

/* False where the name is in no zone. A name that is, but has nothing of the type asked for, is answered without records: on NXDOMAIN musl
   takes it that there is no other type either. */
static bool answer_from_zones(struct dns_answers *answers, const struct dns_query *query, struct dns_reply *reply) {
  char word[DNS_NAME], address[INET_ADDRSTRLEN];
  bool reverse = reverse_address(query->name, address);
  for (struct dns_zone *zone = answers->zones; zone < answers->zones + answers->zone_count; zone++) {
    dns_zone_refresh(zone);
    if (dns_zone_find(zone, query->name, NULL, word)) {
      answer_addresses(answers, zone, query, reply);
      return true;
    }
    if (reverse && dns_zone_name_of(zone, address, word)) {
      if (query->type == DNS_PTR || query->type == DNS_ANY) dns_reply_add_name(reply, DNS_PTR, TTL, word);
      return true;
    }
  }
  return false;
}

size_t dns_answer(struct dns_answers *answers, const struct dns_query *query, uint8_t *bytes, size_t limit) {
  struct dns_reply reply;
  dns_reply_begin(&reply, query, bytes, limit);
  bool known = query->class == DNS_IN && answer_from_zones(answers, query, &reply);
  if (!known && answers->recursion) return 0;
  /* Not REFUSED: musl takes no notice of that and waits for five seconds. */
  return dns_reply_end(&reply, known ? DNS_NOERROR : DNS_NXDOMAIN, known, answers->recursion);
}
