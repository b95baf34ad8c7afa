#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "lib_watch.h"

int watch_rules_open(struct watch *one, const char *table) {
  snprintf(one->table, sizeof one->table, "%s", table);
  one->fd = watch_netlink_open(NETLINK_NETFILTER, 0);
  int group = NFNLGRP_NFTABLES;
  return one->fd < 0 ? -1 : setsockopt(one->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group);
}

/* The text of attribute `type` of a message of nf_tables, NULL: it has none. */
static const struct nlattr *attribute_of(const struct nlmsghdr *header, int type) {
  size_t at = NLMSG_LENGTH(sizeof(struct nfgenmsg));
  while (at + sizeof(struct nlattr) <= header->nlmsg_len) {
    const struct nlattr *attr = (const void *)((const char *)header + at);
    if (attr->nla_len < sizeof *attr || at + attr->nla_len > header->nlmsg_len) break;
    if ((attr->nla_type & NLA_TYPE_MASK) == type) return attr;
    at += NLMSG_ALIGN(attr->nla_len);
  }
  return NULL;
}

/* Of others' tables, what a chain that drops can come or go by. Elements of their sets come and go all day on some machines. */
static bool may_drop(uint16_t type) {
  switch (type & 0xff) {
    case NFT_MSG_NEWTABLE: case NFT_MSG_DELTABLE: case NFT_MSG_NEWCHAIN: case NFT_MSG_DELCHAIN: case NFT_MSG_NEWRULE: case NFT_MSG_DELRULE: return true;
    default: return false;
  }
}

/* Another engine's, which drops nothing but what is its own. */
static bool is_engines(const struct nlattr *table) {
  static const char name[] = "bayplan";
  return table && table->nla_len >= NLA_HDRLEN + sizeof name - 1 && !memcmp((const char *)table + NLA_HDRLEN, name, sizeof name - 1);
}

/* Each transaction is told message by message, then who made it. The first attribute of all kinds is the table's name. Whether it is at its end and says something. */
static bool read_rule(struct watch *one, const struct nlmsghdr *header) {
  if (header->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES || header->nlmsg_len < NLMSG_LENGTH(sizeof(struct nfgenmsg))) return false;
  if ((header->nlmsg_type & 0xff) != NFT_MSG_NEWGEN) {
    const struct nlattr *table = attribute_of(header, NFTA_TABLE_NAME);
    size_t length = strlen(one->table);
    if (table && table->nla_len == NLA_HDRLEN + length + 1 && !memcmp((const char *)table + NLA_HDRLEN, one->table, length)) one->touched = true;
    one->matters |= may_drop(header->nlmsg_type) && !is_engines(table);
    return false;
  }
  const struct nlattr *pid = attribute_of(header, NFTA_GEN_PROC_PID), *name = attribute_of(header, NFTA_GEN_PROC_NAME);
  uint32_t by = 0;
  if (pid && pid->nla_len >= NLA_HDRLEN + 4) memcpy(&by, (const char *)pid + NLA_HDRLEN, 4);
  bool touched = one->touched, matters = one->matters;
  one->touched = one->matters = false;
  if (syscall(SYS_tgkill, getpid(), (pid_t)ntohl(by), 0) == 0) return false; /* a thread of ours */
  if (touched) snprintf(one->who, sizeof one->who, "own %u %.20s", ntohl(by), name ? (const char *)name + NLA_HDRLEN : "?");
  return touched || matters;
}

bool watch_rules_read(struct watch *one, char *buffer, size_t size) {
  bool changed = false;
  for (ptrdiff_t got; (got = watch_netlink_recv(one->fd, buffer, size)) != 0;) {
    if (got < 0) { /* more than could be kept: all may be otherwise */
      snprintf(one->who, sizeof one->who, "own 0 ?");
      changed = true;
      continue;
    }
    int length = (int)got;
    for (const struct nlmsghdr *header = (const void *)buffer; NLMSG_OK(header, (unsigned)length); header = NLMSG_NEXT(header, length)) changed |= read_rule(one, header);
  }
  return changed;
}
