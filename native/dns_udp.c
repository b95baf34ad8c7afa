#include "dns_udp.h"

#include <errno.h>
#include <unistd.h>

/* Datagrams taken before the others get their turn. */
#define BURST 32

static void send_to(const struct dns_udp *udp, const struct sockaddr_in *client, const uint8_t *bytes, size_t length) {
  /* One that is lost here is asked for again, as any other. */
  (void)!sendto(udp->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)client, sizeof *client);
}

static void forget(struct dns_udp *udp, struct dns_outstanding *one) {
  *one = udp->outstanding[--udp->count];
}

static void fail(struct dns_udp *udp, const struct dns_outstanding *one) {
  uint8_t reply[DNS_UDP_PLAIN];
  send_to(udp, &one->client, reply, dns_attempt_fail(&one->attempt, reply));
}

/* Asks the first or the next server; the client hears of it where there is none. False: nothing is outstanding. */
static bool ask(struct dns_udp *udp, struct dns_outstanding *one) {
  one->fd = dns_attempt_next(&one->attempt, udp->servers, SOCK_DGRAM);
  if (one->fd < 0) fail(udp, one);
  return one->fd >= 0;
}

static void ask_next(struct dns_udp *udp, struct dns_outstanding *one) {
  close(one->fd);
  if (!ask(udp, one)) forget(udp, one);
}

static void forward(struct dns_udp *udp, const struct dns_query *query, const struct sockaddr_in *client) {
  if (udp->count == DNS_OUTSTANDING) {
    uint8_t reply[DNS_UDP_PLAIN];
    send_to(udp, client, reply, dns_reply_empty(query, reply, DNS_SERVFAIL, true));
    return;
  }
  struct dns_outstanding *one = &udp->outstanding[udp->count];
  one->client = *client;
  one->limit = query->udp_limit;
  dns_attempt_begin(&one->attempt, udp->servers, query);
  if (ask(udp, one)) udp->count++;
}

static void receive_queries(struct dns_udp *udp) {
  for (int i = 0; i < BURST; i++) {
    uint8_t bytes[DNS_QUERY_MAX + 1], reply[DNS_UDP_MAX];
    struct sockaddr_in client;
    socklen_t size = sizeof client;
    struct dns_query query;
    ssize_t length = recvfrom(udp->fd, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&client, &size);
    if (length < 0) return;
    int rcode = dns_query_read(&query, bytes, (size_t)length);
    if (rcode < 0 || client.sin_port == 0) continue;
    size_t answered = rcode ? dns_reply_empty(&query, reply, rcode, dns_recursive(udp->answers)) : dns_answer(udp->answers, &query, reply, query.udp_limit);
    if (answered) send_to(udp, &client, reply, answered);
    else forward(udp, &query, &client);
  }
}

static void receive_reply(struct dns_udp *udp, struct dns_outstanding *one) {
  ssize_t length = recv(one->fd, udp->buffer, sizeof udp->buffer, 0);
  if (length < 0 && (errno == EAGAIN || errno == EINTR)) return;
  enum dns_verdict verdict = length < 0 ? DNS_FAILED : dns_attempt_judge(&one->attempt, udp->servers, udp->buffer, (size_t)length);
  if (verdict == DNS_FOREIGN) return;
  if (verdict == DNS_FAILED) { ask_next(udp, one); return; }
  size_t fitting = (size_t)length > one->limit ? dns_truncate(udp->buffer, one->attempt.question_end) : (size_t)length;
  send_to(udp, &one->client, udp->buffer, fitting);
  close(one->fd);
  forget(udp, one);
}

size_t dns_udp_poll(const struct dns_udp *udp, struct pollfd *entries, uint64_t *deadline) {
  entries[0] = (struct pollfd){.fd = udp->fd, .events = POLLIN};
  for (size_t i = 0; i < udp->count; i++) {
    entries[1 + i] = (struct pollfd){.fd = udp->outstanding[i].fd, .events = POLLIN};
    if (udp->outstanding[i].attempt.deadline < *deadline) *deadline = udp->outstanding[i].attempt.deadline;
  }
  return 1 + udp->count;
}

void dns_udp_handle(struct dns_udp *udp, const struct pollfd *entries) {
  uint64_t now = dns_now();
  for (size_t i = udp->count; i-- > 0;) { /* from the end: one that is forgotten is replaced by one that had its turn */
    struct dns_outstanding *one = &udp->outstanding[i];
    if (entries[1 + i].revents) receive_reply(udp, one);
    else if (one->attempt.deadline <= now) ask_next(udp, one);
  }
  if (entries[0].revents) receive_queries(udp);
}
