#pragma once
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>
#include "dns_message.h"

#define DNS_SERVERS 8

/* The nameservers that other names are asked of. */
struct dns_servers {
  struct { struct sockaddr_storage address; socklen_t length; } list[DNS_SERVERS];
  unsigned count;
  const char *resolv;       /* the file that they are from; NULL: they stay as they are */
  struct timespec modified; /* of that file */
  ino_t inode;
  unsigned first;           /* the one that answered last: a dead one costs its time-out once, not for every name */
};

/* One query on its way through the nameservers. */
struct dns_attempt {
  unsigned start, tries;
  uint64_t deadline;                  /* of the current try, dns_now() */
  uint16_t client_id;
  size_t length, question_end;
  uint8_t message[2 + DNS_QUERY_MAX]; /* the length that TCP wants, then the query with an id of our own */
};

/* Addresses as text, where there is any; else those of the file `resolv` (resolv.conf(5); NULL: none). */
void dns_servers_open(struct dns_servers *servers, char **addresses, const char *resolv);
/* Reads the file again where it is another one than before; one stat(2). A file that cannot be read leaves what was known. */
void dns_servers_refresh(struct dns_servers *servers);
void dns_attempt_begin(struct dns_attempt *attempt, const struct dns_servers *servers, const struct dns_query *query);
/* A socket (SOCK_DGRAM: the query is sent; SOCK_STREAM: connecting) to the next server, from a port and with an id that nobody can guess.
   -1: all of them were tried. */
int dns_attempt_next(struct dns_attempt *attempt, const struct dns_servers *servers, int type);

enum dns_verdict { DNS_FOREIGN, DNS_FAILED, DNS_GOOD };
/* What a message from the server is: none to our query, one that another server may answer better, or the answer: then it carries the
   client's id again, and the server is the first to be asked from now on. */
enum dns_verdict dns_attempt_judge(struct dns_attempt *attempt, struct dns_servers *servers, uint8_t *reply, size_t length);
/* The reply where no server answered. `bytes` has room for DNS_UDP_PLAIN. */
size_t dns_attempt_fail(const struct dns_attempt *attempt, uint8_t *bytes);

/* Milliseconds of a clock that never goes back. */
uint64_t dns_now(void);
