#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

#include "core.h"
#include "dns_answer.h"
#include "dns_tcp.h"
#include "dns_udp.h"
#include "dns_upstream.h"

/* All that the responder knows. Most of it is room for queries on their way, which costs no memory before it is used. */
struct dns {
  struct dns_answers answers;
  struct dns_servers servers;
  struct dns_tcp tcp;
  struct dns_udp udp;
};

static int loop(struct dns *dns, int lifeline, struct error *err) {
  for (;;) {
    struct pollfd entries[1 + 1 + DNS_OUTSTANDING + 1 + DNS_STREAMS] = {{.fd = lifeline, .events = POLLIN}};
    uint64_t deadline = UINT64_MAX, now = dns_now();
    struct pollfd *udp = entries + 1, *tcp = udp + dns_udp_poll(&dns->udp, udp, &deadline);
    size_t count = (size_t)(tcp - entries) + dns_tcp_poll(&dns->tcp, tcp, &deadline);
    int timeout = deadline == UINT64_MAX ? -1 : deadline <= now ? 0 : (int)(deadline - now);
    if (poll(entries, count, timeout) < 0) {
      if (errno == EINTR) continue;
      return error_errno(err, "poll", "dns");
    }
    if (entries[0].revents) return 0; /* nothing is ever written to it: this is its end */
    dns_udp_handle(&dns->udp, udp);
    dns_tcp_handle(&dns->tcp, tcp);
  }
}

static int serve(struct dns *dns, const struct dns_options *options, struct error *err) {
  dns_servers_open(&dns->servers, options->nameservers, options->resolv);
  if (dns_answers_open(&dns->answers, options->zones, options->links, &dns->servers) < 0) return error_errno(err, "getrandom", "dns");
  /* A connection may be gone between poll and accept. */
  if (fcntl(options->listen_tcp, F_SETFL, O_NONBLOCK) < 0) return error_errno(err, "fcntl", "dns");
  dns->udp.fd = options->listen_udp;
  dns->tcp.fd = options->listen_tcp;
  dns->udp.answers = dns->tcp.answers = &dns->answers;
  dns->udp.servers = dns->tcp.servers = &dns->servers;
  return loop(dns, options->lifeline, err);
}

int dns_serve(const struct dns_options *options, struct error *err) {
  struct dns *dns = calloc(1, sizeof *dns);
  if (!dns) return error_errno(err, "malloc", "dns");
  int result = serve(dns, options, err);
  free(dns);
  return result;
}
