#include "dns_answer.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/random.h>

/* Seconds. A replaced container has another address: a client that caches (nginx, systemd-resolved) misses it for no longer than this, and
   still does not ask for each connection, as it would with 0. */
#define TTL 5

int dns_answers_open(struct dns_answers *answers, char **zones, char **links, struct dns_servers *servers) {
  answers->servers = servers;
  answers->links = links;
  for (; *zones && answers->zone_count < DNS_ZONES; zones++) answers->zones[answers->zone_count++].path = *zones;
  /* Containers that start together do not all begin at the first replica. */
  return getrandom(answers->turns, sizeof answers->turns, 0) == sizeof answers->turns ? 0 : -1;
}

bool dns_recursive(const struct dns_answers *answers) { return answers->servers->count > 0; }

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
static unsigned add_addresses(const struct dns_zone *zone, const char *name, uint16_t type, struct dns_reply *reply, unsigned skip, unsigned most) {
  char text[DNS_NAME];
  unsigned count = 0;
  for (const char *at = NULL; count < skip + most && (at = dns_zone_find(zone, name, at, text));)
    count += add_address(count < skip ? NULL : reply, type, text);
  return count < skip ? 0 : count - skip;
}

/* All addresses of the name, beginning with another one each time. Musl asks A and AAAA at once: only answers of several take a turn. */
static void answer_addresses(struct dns_answers *answers, const struct dns_zone *zone, const char *name, uint16_t type, struct dns_reply *reply) {
  unsigned count = add_addresses(zone, name, type, NULL, 0, DNS_MESSAGE_MAX);
  unsigned first = count > 1 ? (*turn_of(answers, name))++ % count : 0;
  add_addresses(zone, name, type, reply, first, count - first);
  add_addresses(zone, name, type, reply, 0, first);
}

/* The names that an address leads back to. */
static void answer_names(const struct dns_zone *zone, const struct dns_query *query, struct dns_reply *reply) {
  char name[DNS_NAME];
  if (query->type != DNS_PTR && query->type != DNS_ANY) return;
  for (const char *at = NULL; (at = dns_zone_find(zone, query->name, at, name));) dns_reply_add_name(reply, DNS_PTR, TTL, name);
}

static bool is_reverse(const char *name) {
  static const char suffix[] = ".arpa";
  size_t length = strlen(name);
  return length >= sizeof suffix && strcmp(name + length - (sizeof suffix - 1), suffix) == 0;
}

/* The name that a link of this container gives another one to. */
static const char *linked(const struct dns_answers *answers, const char *name) {
  size_t length = strlen(name);
  for (char **link = answers->links; *link; link++)
    if (strncmp(*link, name, length) == 0 && (*link)[length] == '=') return *link + length + 1;
  return name;
}

/* False where the name is in no zone. A name that is, but has nothing of the type asked for, is answered without records: on NXDOMAIN musl
   takes it that there is no other type either. */
static bool answer_from_zones(struct dns_answers *answers, const struct dns_query *query, struct dns_reply *reply) {
  char data[DNS_NAME];
  const char *name = linked(answers, query->name);
  for (struct dns_zone *zone = answers->zones; zone < answers->zones + answers->zone_count; zone++) {
    dns_zone_refresh(zone);
    if (!dns_zone_find(zone, name, NULL, data)) continue;
    if (is_reverse(name)) answer_names(zone, query, reply);
    else answer_addresses(answers, zone, name, query->type, reply);
    return true;
  }
  return false;
}

size_t dns_answer(struct dns_answers *answers, const struct dns_query *query, uint8_t *bytes, size_t limit) {
  struct dns_reply reply;
  dns_reply_begin(&reply, query, bytes, limit);
  bool known = query->class == DNS_IN && answer_from_zones(answers, query, &reply);
  if (!known) dns_servers_refresh(answers->servers);
  if (!known && dns_recursive(answers)) return 0;
  /* Not REFUSED: musl takes no notice of that and waits for five seconds. */
  return dns_reply_end(&reply, known ? DNS_NOERROR : DNS_NXDOMAIN, known, dns_recursive(answers));
}
