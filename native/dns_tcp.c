#include "dns_tcp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long a connection may be still, in ms: for its next query as for taking its reply. */
#define IDLE 10000

/* A connection has one query at a time: it reads it, has it answered here or by a nameserver, writes the reply, reads the next one. Queries
   that were sent meanwhile wait in the kernel. A message is its length in two bytes, then itself. */
struct dns_stream {
  enum { READING, ASKING, HEARING, WRITING } state; /* asking, hearing: of a nameserver */
  int fd, upstream;     /* upstream: -1 where there is none */
  uint64_t deadline;
  size_t done;          /* bytes of the message in work that have been read or written */
  struct dns_attempt attempt;
  uint8_t query[2 + DNS_QUERY_MAX], reply[2 + DNS_MESSAGE_MAX];
};

static size_t framed(const uint8_t *message) { return 2u + dns_read16(message); }

static void begin(struct dns_stream *stream, int state) {
  stream->state = state;
  stream->done = 0;
  stream->deadline = dns_now() + IDLE;
}

static void reply_with(struct dns_stream *stream, size_t length) {
  dns_write16(stream->reply, (uint16_t)length);
  begin(stream, WRITING);
}

/* Connects to the first or the next nameserver. */
static void ask(struct dns_tcp *tcp, struct dns_stream *stream) {
  if (stream->upstream >= 0) close(stream->upstream);
  stream->upstream = dns_attempt_next(&stream->attempt, tcp->servers, SOCK_STREAM);
  if (stream->upstream < 0) { reply_with(stream, dns_attempt_fail(&stream->attempt, stream->reply + 2)); return; }
  begin(stream, ASKING);
  stream->deadline = stream->attempt.deadline;
}

/* Goes on with a message whose length is `wanted` once its first two bytes are there. 1 done, 0 to be continued, -1 the connection has ended. */
static int read_message(int fd, uint8_t *bytes, size_t *done, size_t capacity) {
  for (;;) {
    size_t wanted = *done < 2 ? 2 : framed(bytes);
    if (wanted > capacity) return -1;
    if (*done == wanted) return 1;
    ssize_t n = recv(fd, bytes + *done, wanted - *done, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (n <= 0) return -1;
    *done += (size_t)n;
  }
}

static int write_message(int fd, const uint8_t *bytes, size_t *done) {
  while (*done < framed(bytes)) {
    ssize_t n = send(fd, bytes + *done, framed(bytes) - *done, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (n < 0) return -1;
    *done += (size_t)n;
  }
  return 1;
}

/* False where bytes like these are not worth the connection. */
static bool take_query(struct dns_tcp *tcp, struct dns_stream *stream) {
  struct dns_query query;
  int rcode = dns_query_read(&query, stream->query + 2, dns_read16(stream->query));
  if (rcode < 0) return false;
  size_t length = rcode ? dns_reply_empty(&query, stream->reply + 2, rcode, dns_recursive(tcp->answers)) : dns_answer(tcp->answers, &query, stream->reply + 2, DNS_MESSAGE_MAX);
  if (length) { reply_with(stream, length); return true; }
  dns_attempt_begin(&stream->attempt, tcp->servers, &query);
  ask(tcp, stream);
  return true;
}

static void take_reply(struct dns_tcp *tcp, struct dns_stream *stream) {
  if (dns_attempt_judge(&stream->attempt, tcp->servers, stream->reply + 2, dns_read16(stream->reply)) != DNS_GOOD) { ask(tcp, stream); return; }
  close(stream->upstream);
  stream->upstream = -1;
  begin(stream, WRITING);
}

/* Goes as far as it can without waiting. False: the connection is over. */
static bool advance(struct dns_tcp *tcp, struct dns_stream *stream) {
  for (;;) {
    int state = stream->state, result;
    switch (state) {
      case READING: result = read_message(stream->fd, stream->query, &stream->done, sizeof stream->query); break;
      case ASKING: result = write_message(stream->upstream, stream->attempt.message, &stream->done); break;
      case HEARING: result = read_message(stream->upstream, stream->reply, &stream->done, sizeof stream->reply); break;
      default: result = write_message(stream->fd, stream->reply, &stream->done); break;
    }
    if (result == 0) return true;
    if (result < 0) {
      if (state == READING || state == WRITING) return false;
      ask(tcp, stream);
      continue;
    }
    if (state == READING && !take_query(tcp, stream)) return false;
    if (state == ASKING) { stream->state = HEARING; stream->done = 0; }
    if (state == HEARING) take_reply(tcp, stream);
    if (state == WRITING) { begin(stream, READING); return true; } /* the others first */
  }
}

static void drop(struct dns_tcp *tcp, size_t index) {
  struct dns_stream *stream = tcp->streams[index];
  close(stream->fd);
  if (stream->upstream >= 0) close(stream->upstream);
  free(stream);
  tcp->streams[index] = tcp->streams[--tcp->count];
}

/* A full table gives up the connection that has waited longest for a query, so that idle ones lock nobody out. */
static bool make_room(struct dns_tcp *tcp) {
  size_t idlest = DNS_STREAMS;
  if (tcp->count < DNS_STREAMS) return true;
  for (size_t i = 0; i < tcp->count; i++)
    if (tcp->streams[i]->state == READING && (idlest == DNS_STREAMS || tcp->streams[i]->deadline < tcp->streams[idlest]->deadline)) idlest = i;
  if (idlest == DNS_STREAMS) return false;
  drop(tcp, idlest);
  return true;
}

static void accept_one(struct dns_tcp *tcp) {
  int fd = accept4(tcp->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  struct dns_stream *stream = make_room(tcp) ? malloc(sizeof *stream) : NULL;
  if (!stream) { close(fd); return; }
  stream->fd = fd;
  stream->upstream = -1;
  begin(stream, READING);
  tcp->streams[tcp->count++] = stream;
}

size_t dns_tcp_poll(const struct dns_tcp *tcp, struct pollfd *entries, uint64_t *deadline) {
  entries[0] = (struct pollfd){.fd = tcp->fd, .events = POLLIN};
  for (size_t i = 0; i < tcp->count; i++) {
    const struct dns_stream *stream = tcp->streams[i];
    bool upstream = stream->state == ASKING || stream->state == HEARING;
    entries[1 + i] = (struct pollfd){.fd = upstream ? stream->upstream : stream->fd, .events = stream->state == READING || stream->state == HEARING ? POLLIN : POLLOUT};
    if (stream->deadline < *deadline) *deadline = stream->deadline;
  }
  return 1 + tcp->count;
}

void dns_tcp_handle(struct dns_tcp *tcp, const struct pollfd *entries) {
  uint64_t now = dns_now();
  for (size_t i = tcp->count; i-- > 0;) { /* from the end: one that is dropped is replaced by one that had its turn */
    struct dns_stream *stream = tcp->streams[i];
    bool live = true;
    if (entries[1 + i].revents) live = advance(tcp, stream);
    else if (stream->deadline <= now && (stream->state == READING || stream->state == WRITING)) live = false;
    else if (stream->deadline <= now) ask(tcp, stream);
    if (!live) drop(tcp, i);
  }
  if (entries[0].revents) accept_one(tcp);
}
