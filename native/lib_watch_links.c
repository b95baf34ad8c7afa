#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "lib_watch.h"

#define LINK_GROUPS (RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR)
#define ROUTE_GROUPS (RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE)

int watch_netlink_open(int protocol, uint32_t groups) {
  struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = groups };
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

ptrdiff_t watch_netlink_recv(int fd, char *buffer, size_t size) {
  for (;;) {
    ssize_t got = recv(fd, buffer, size, MSG_DONTWAIT);
    if (got >= 0) return got;
    if (errno != EINTR) return errno == ENOBUFS ? -1 : 0;
  }
}

int watch_links_open(struct watch *one, const char *prefix, bool routes) {
  struct { struct nlmsghdr header; struct ifinfomsg link; } dump = {
    .header = { .nlmsg_len = sizeof dump, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP, .nlmsg_seq = 1 },
  };
  if (strlen(prefix) >= sizeof one->prefix) return errno = ENAMETOOLONG, -1;
  memcpy(one->prefix, prefix, strlen(prefix) + 1);
  one->fd = watch_netlink_open(NETLINK_ROUTE, LINK_GROUPS | (routes ? ROUTE_GROUPS : 0));
  if (one->fd < 0) return -1;
  return send(one->fd, &dump, sizeof dump, 0) < 0 ? -1 : one->fd;
}

static uint64_t add_bytes(uint64_t digest, const void *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) digest = (digest ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
  return digest;
}

/* Over all of a link that is made so by somebody: not its carrier, its counters or its state. */
static uint64_t digest_of(const struct nlmsghdr *header) {
  const struct ifinfomsg *link = NLMSG_DATA(header);
  unsigned up = link->ifi_flags & IFF_UP;
  uint64_t digest = add_bytes(UINT64_C(0xcbf29ce484222325), &up, sizeof up);
  int left = (int)IFLA_PAYLOAD(header);
  for (const struct rtattr *attr = IFLA_RTA(link); RTA_OK(attr, left); attr = RTA_NEXT(attr, left)) {
    switch (attr->rta_type) {
      case IFLA_IFNAME: case IFLA_MASTER: case IFLA_MTU: case IFLA_ADDRESS: case IFLA_GROUP: case IFLA_LINK: digest = add_bytes(digest, attr, attr->rta_len);
    }
  }
  return digest;
}

static struct link_seen *find(struct watch *one, int index) {
  for (uint32_t i = 0; i < one->link_count; i++) if (one->links[i].index == index) return &one->links[i];
  return NULL;
}

/* Whether a link's name begins as it was asked for. */
static bool is_own(const struct watch *one, const struct nlmsghdr *header) {
  const struct ifinfomsg *link = NLMSG_DATA(header);
  int left = (int)IFLA_PAYLOAD(header);
  for (const struct rtattr *attr = IFLA_RTA(link); RTA_OK(attr, left); attr = RTA_NEXT(attr, left))
    if (attr->rta_type == IFLA_IFNAME) return strncmp(RTA_DATA(attr), one->prefix, strlen(one->prefix)) == 0;
  return true;
}

/* One that there is no memory for is told of each time. */
static void keep(struct watch *one, struct link_seen seen) {
  struct link_seen *links = realloc(one->links, (one->link_count + 1) * sizeof *links);
  if (!links) return;
  one->links = links;
  links[one->link_count++] = seen;
}

/* Of an address or a route. Those of a link that is not known are told. */
static bool is_others(struct watch *one, const struct nlmsghdr *header) {
  if ((header->nlmsg_type != RTM_NEWADDR && header->nlmsg_type != RTM_DELADDR) || header->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifaddrmsg))) return false;
  const struct link_seen *seen = find(one, (int)((const struct ifaddrmsg *)NLMSG_DATA(header))->ifa_index);
  return seen && !seen->own;
}

static bool has_changed(struct watch *one, const struct nlmsghdr *header) {
  if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR) return header->nlmsg_type == NLMSG_ERROR; /* without the list all is told */
  if ((header->nlmsg_type != RTM_NEWLINK && header->nlmsg_type != RTM_DELLINK) || header->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg))) return !is_others(one, header);
  const struct ifinfomsg *link = NLMSG_DATA(header);
  if (link->ifi_family == AF_BRIDGE) return false; /* what a port of a bridge is to it, told beside the link itself */
  struct link_seen *seen = find(one, link->ifi_index);
  bool own = (seen && seen->own) || is_own(one, header); /* also one that was given another name */
  if (header->nlmsg_type == RTM_DELLINK) {
    if (seen) *seen = one->links[--one->link_count];
    return own;
  }
  uint64_t digest = own ? digest_of(header) : 0;
  if (seen && seen->own == own && seen->digest == digest) return false;
  if (seen) *seen = (struct link_seen){ link->ifi_index, digest, own };
  else keep(one, (struct link_seen){ link->ifi_index, digest, own });
  return own && !(header->nlmsg_flags & NLM_F_MULTI); /* the list that was asked for */
}

bool watch_links_read(struct watch *one, char *buffer, size_t size) {
  bool changed = false;
  for (ptrdiff_t got; (got = watch_netlink_recv(one->fd, buffer, size)) != 0;) {
    if (got < 0) { /* more than could be kept: nothing is known of them any more */
      one->link_count = 0;
      changed = true;
      continue;
    }
    int length = (int)got;
    for (const struct nlmsghdr *header = (const void *)buffer; NLMSG_OK(header, (unsigned)length); header = NLMSG_NEXT(header, length)) changed |= has_changed(one, header);
  }
  return changed;
}
