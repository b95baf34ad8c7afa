#include "carried_udp.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST 1024
#define SILENCE_MS 90000 /* as docker-proxy's */
#define TURNS 64         /* datagrams of one event: the others get their turn too */

struct flow {
  struct carry_end end;        /* a socket of its own, connected to the container; fd -1: it is over */
  struct sockaddr_in6 client;
  struct in6_pktinfo at;       /* where the client has sent to, and expects answers from */
  struct sockaddr_storage target;
  uint64_t used;
  struct flow *next;
};

union control { struct cmsghdr header; char room[CMSG_SPACE(sizeof(struct in6_pktinfo))]; };

static uint64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static socklen_t length_of(const struct sockaddr_storage *address) { return address->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6); }

static bool is_same_client(const struct flow *flow, const struct sockaddr_in6 *client, const struct in6_pktinfo *at) {
  return flow->client.sin6_port == client->sin6_port && flow->client.sin6_scope_id == client->sin6_scope_id && memcmp(&flow->client.sin6_addr, &client->sin6_addr, sizeof client->sin6_addr) == 0
    && memcmp(&flow->at.ipi6_addr, &at->ipi6_addr, sizeof at->ipi6_addr) == 0;
}

/* Events of this turn may still name it. */
static void end_flow(struct flows *flows, struct flow **place) {
  struct flow *flow = *place;
  *place = flow->next;
  close(flow->end.fd);
  flow->end.fd = -1;
  flow->next = flows->over;
  flows->over = flow;
  flows->count--;
}

static void end_oldest(struct flows *flows) {
  struct flow **oldest = &flows->first;
  for (struct flow **at = &flows->first; *at; at = &(*at)->next) if ((*at)->used < (*oldest)->used) oldest = at;
  if (*oldest) end_flow(flows, oldest);
}

static struct flow *open_flow(struct flows *flows, int epoll, const struct sockaddr_in6 *client, const struct in6_pktinfo *at, struct carry_targets *targets) {
  if (targets->count == 0) return NULL;
  if (flows->count >= MOST) end_oldest(flows);
  const struct sockaddr_storage *target = &targets->address[targets->next++ % targets->count];
  struct flow *flow = calloc(1, sizeof *flow);
  int fd = flow ? socket(target->ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
  if (fd < 0) { free(flow); return NULL; }
  *flow = (struct flow){{CARRY_FLOW, fd, flow}, *client, *at, *target, 0, flows->first};
  if (connect(fd, (const struct sockaddr *)target, length_of(target)) < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = &flow->end}) < 0) {
    close(fd);
    free(flow);
    return NULL;
  }
  flows->first = flow;
  flows->count++;
  return flow;
}

int flows_prepare(int listener) { return setsockopt(listener, IPPROTO_IPV6, IPV6_RECVPKTINFO, &(int){1}, sizeof(int)); }

void flows_take(struct flows *flows, int epoll, int listener, struct carry_targets *targets) {
  static char data[65536];
  for (int turns = 0; turns < TURNS; turns++) {
    struct sockaddr_in6 client;
    union control control;
    struct iovec part = {data, sizeof data};
    struct msghdr message = {.msg_name = &client, .msg_namelen = sizeof client, .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct in6_pktinfo at = {0};
    ssize_t n = recvmsg(listener, &message, MSG_DONTWAIT);
    if (n < 0) return;
    if (message.msg_namelen != sizeof client || client.sin6_family != AF_INET6) continue;
    for (struct cmsghdr *one = CMSG_FIRSTHDR(&message); one; one = CMSG_NXTHDR(&message, one))
      if (one->cmsg_level == IPPROTO_IPV6 && one->cmsg_type == IPV6_PKTINFO) memcpy(&at, CMSG_DATA(one), sizeof at);
    struct flow *flow = flows->first;
    while (flow && !is_same_client(flow, &client, &at)) flow = flow->next;
    if (!flow && !(flow = open_flow(flows, epoll, &client, &at, targets))) continue;
    flow->used = now_ms();
    (void)!send(flow->end.fd, data, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL); /* lost, as any datagram may be */
  }
}

void flows_return(struct carry_end *end, int listener) {
  static char data[65536];
  struct flow *flow = end->owner;
  for (int turns = 0; turns < TURNS; turns++) {
    ssize_t n = recv(end->fd, data, sizeof data, MSG_DONTWAIT);
    if (n < 0) return; /* nothing more, or nobody listens there: the client hears nothing either */
    union control control = {0};
    struct iovec part = {data, (size_t)n};
    struct msghdr message = {.msg_name = &flow->client, .msg_namelen = sizeof flow->client, .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof flow->at), .cmsg_level = IPPROTO_IPV6, .cmsg_type = IPV6_PKTINFO};
    memcpy(CMSG_DATA(header), &flow->at, sizeof flow->at);
    flow->used = now_ms();
    if (listener >= 0) (void)!sendmsg(listener, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}

void flows_lead(struct flows *flows, const struct carry_targets *targets) {
  for (struct flow **at = &flows->first; *at;) {
    bool leads = false;
    for (size_t i = 0; i < targets->count && !leads; i++) leads = memcmp(&targets->address[i], &(*at)->target, sizeof (*at)->target) == 0;
    if (leads) at = &(*at)->next;
    else end_flow(flows, at);
  }
}

int flows_settle(struct flows *flows) {
  uint64_t now = now_ms();
  for (struct flow **at = &flows->first; *at;) {
    if (now - (*at)->used < SILENCE_MS) at = &(*at)->next;
    else end_flow(flows, at);
  }
  for (struct flow *flow; (flow = flows->over);) {
    flows->over = flow->next;
    free(flow);
  }
  return flows->count ? 10000 : -1;
}
