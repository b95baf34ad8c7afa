#pragma once
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What lib_watch.c's thread watches, each by its token, and the kinds of it that are more than a line. */

enum watch_kind { NOTHING, LINKS, RULES, MOUNTS, FILES, MOVES };

/* A link as it was told last, or dumped. `own`: its name began as it was asked for, once. */
struct link_seen { int index; uint64_t digest; bool own; };

/* `end`: a pidfd, whose process' end ends the watch: an open mountinfo keeps the mounts of a namespace from going. */
struct watch {
  enum watch_kind kind;
  int fd, end, wd;
  bool dirty, deaf, touched, matters;
  char table[128], who[64], prefix[IFNAMSIZ];
  struct link_seen *links;
  uint32_t link_count;
};

/* A socket that is told of links whose names begin with `prefix`, of their addresses, and with `routes` of those, in the namespace of the calling thread; which links there are is asked for. -1 with errno. */
int watch_links_open(struct watch *one, const char *prefix, bool routes);
/*
 * Reads what has been told. Whether anything has changed: the kernel tells of a link again whenever its carrier is looked at, a thousand of them for a minute, which says nothing, and
 * of links that are others', which on a busy host come and go all the time.
 */
bool watch_links_read(struct watch *one, char *buffer, size_t size);

/* A socket that is told of transactions of nf_tables. */
int watch_rules_open(struct watch *one, const char *table);
/* The same of transactions that are not this process'; `who` gets the process that has changed the watched table. */
bool watch_rules_read(struct watch *one, char *buffer, size_t size);

/* Tells of processes that are put into cgroups (-1 with errno), and whether one was since that is none below `parent`. */
int watch_moves_open(struct watch *one, const char *parent);
bool watch_moves_read(struct watch *one, char *buffer, size_t size);

/* What those of netlink are opened and read by: an open socket of `protocol` bound to `groups`, or -1; and bytes of one datagram, 0: there is none, -1: some were lost (ENOBUFS). */
int watch_netlink_open(int protocol, uint32_t groups);
ptrdiff_t watch_netlink_recv(int fd, char *buffer, size_t size);
