#include "dns_upstream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "scope.h"

/* For all tries of one query, in ms: glibc and musl give up on us after five seconds, and are to hear of the failure before. */
#define PATIENCE 4000
#define PORT 53

uint64_t dns_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool read_ipv6(const char *text, struct sockaddr_in6 *address) {
  char plain[INET6_ADDRSTRLEN];
  size_t length = strcspn(text, "%");
  if (length >= sizeof plain) return false;
  memcpy(plain, text, length);
  plain[length] = 0;
  *address = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(PORT), .sin6_scope_id = text[length] ? if_nametoindex(text + length + 1) : 0};
  return inet_pton(AF_INET6, plain, &address->sin6_addr) == 1 && (!text[length] || address->sin6_scope_id);
}

/* What is no address (a name, a scope that is not there) is left out. */
static void add_server(struct dns_servers *servers, const char *text) {
  struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(PORT)};
  struct sockaddr_in6 ipv6;
  bool is_ipv4 = inet_pton(AF_INET, text, &ipv4.sin_addr) == 1;
  if (servers->count == DNS_SERVERS || (!is_ipv4 && !read_ipv6(text, &ipv6))) return;
  socklen_t length = is_ipv4 ? sizeof ipv4 : sizeof ipv6;
  memcpy(&servers->list[servers->count].address, is_ipv4 ? (void *)&ipv4 : (void *)&ipv6, length);
  servers->list[servers->count++].length = length;
}

void dns_servers_open(struct dns_servers *servers, char **addresses, const char *resolv) {
  for (; *addresses; addresses++) add_server(servers, *addresses);
  if (servers->count) return;
  servers->resolv = resolv;
  dns_servers_refresh(servers);
}

void dns_servers_refresh(struct dns_servers *servers) {
  struct stat status;
  char line[512], address[64];
  if (!servers->resolv || stat(servers->resolv, &status) < 0) return;
  if (status.st_ino == servers->inode && status.st_mtim.tv_sec == servers->modified.tv_sec && status.st_mtim.tv_nsec == servers->modified.tv_nsec) return;
  FILE *file = fopen(servers->resolv, "re");
  if (!file) return;
  servers->count = servers->first = 0;
  while (fgets(line, sizeof line, file)) if (sscanf(line, " nameserver %63s", address) == 1) add_server(servers, address);
  fclose(file);
  servers->inode = status.st_ino;
  servers->modified = status.st_mtim;
}

/* A lone server gets a second chance, for a packet may be lost. */
static unsigned tries_of(const struct dns_servers *servers) { return servers->count > 1 ? servers->count : 2; }

void dns_attempt_begin(struct dns_attempt *attempt, const struct dns_servers *servers, const struct dns_query *query) {
  attempt->start = servers->first;
  attempt->tries = 0;
  attempt->length = query->length;
  attempt->question_end = query->question_end;
  attempt->client_id = dns_read16(query->bytes);
  dns_write16(attempt->message, (uint16_t)query->length);
  memcpy(attempt->message + 2, query->bytes, query->length);
}

int dns_attempt_next(struct dns_attempt *attempt, const struct dns_servers *servers, int type) {
  while (servers->count && attempt->tries < tries_of(servers)) {
    unsigned server = (attempt->start + attempt->tries++) % servers->count;
    const struct sockaddr *address = (const struct sockaddr *)&servers->list[server].address;
    if (getrandom(attempt->message + 2, 2, 0) != 2) return -1;
    /* A socket a try: the kernel picks its port at random, and lets through only what comes from that server. */
    fd_auto fd = socket(address->sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || (connect(fd, address, servers->list[server].length) < 0 && errno != EINPROGRESS)) continue;
    if (type == SOCK_DGRAM && send(fd, attempt->message + 2, attempt->length, MSG_NOSIGNAL) < 0) continue;
    attempt->deadline = dns_now() + PATIENCE / tries_of(servers);
    return fd_steal(&fd);
  }
  return -1;
}

enum dns_verdict dns_attempt_judge(struct dns_attempt *attempt, struct dns_servers *servers, uint8_t *reply, size_t length) {
  static const unsigned failures = 1 << DNS_SERVFAIL | 1 << DNS_NOTIMP | 1 << DNS_REFUSED;
  if (!dns_reply_matches(attempt->message + 2, attempt->question_end, reply, length)) return DNS_FOREIGN;
  if (length == DNS_HEADER || failures >> dns_rcode(reply) & 1) return DNS_FAILED;
  if (servers->count) servers->first = (attempt->start + attempt->tries - 1) % servers->count; /* the file may name others by now */
  dns_write16(reply, attempt->client_id);
  return DNS_GOOD;
}

size_t dns_attempt_fail(const struct dns_attempt *attempt, uint8_t *bytes) {
  struct dns_query query;
  dns_query_read(&query, attempt->message + 2, attempt->length); /* it could be read before */
  size_t length = dns_reply_empty(&query, bytes, DNS_SERVFAIL, true);
  dns_write16(bytes, attempt->client_id);
  return length;
}
