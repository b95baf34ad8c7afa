#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <malloc.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "lib_api.h"
#include "lib_netlink.h"
#include "lib_thread.h"

#define BUFFER_BYTES (8 << 20)
#define RECEIVE_BYTES (64 << 10)

/* Whole acknowledgements with the kernel's own words, and room for those of a thousand messages at once. */
static int set_up(int fd, struct error *err) {
  int on = 1, bytes = BUFFER_BYTES;
  struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
  if (setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on) < 0 || setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on) < 0 ||
      setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) < 0)
    return error_errno(err, "setsockopt", NULL);
  if (connect(fd, (struct sockaddr *)&kernel, sizeof kernel) < 0) return error_errno(err, "connect", NULL);
  return 0;
}

int netlink_open(int protocol, struct error *err) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  if (fd < 0) return error_errno(err, "socket", NULL);
  if (set_up(fd, err) == 0) return fd;
  close(fd);
  return -1;
}

struct target { const char *netns; int protocol, fd; };

static int open_there(void *argument, struct error *err) {
  struct target *target = argument;
  int ns = open(target->netns, O_RDONLY | O_CLOEXEC);
  if (ns < 0) return error_errno(err, "open", target->netns);
  int entered = setns(ns, CLONE_NEWNET);
  if (entered < 0) error_errno(err, "setns", target->netns);
  close(ns);
  if (entered < 0) return -1;
  target->fd = netlink_open(target->protocol, err);
  return target->fd < 0 ? -1 : 0;
}

static int grow(struct replies *replies, struct error *err) {
  if (replies->capacity - replies->length >= RECEIVE_BYTES) return 0;
  uint32_t capacity = replies->capacity * 2 + RECEIVE_BYTES;
  uint8_t *bytes = realloc(replies->bytes, capacity);
  if (!bytes) return error_errno(err, "realloc", NULL);
  replies->bytes = bytes;
  replies->capacity = capacity;
  return 0;
}

/* Counts the messages of one datagram that end a request: an acknowledgement or the end of a dump. */
static uint32_t ended_in(const uint8_t *bytes, int length) {
  uint32_t ended = 0;
  for (const struct nlmsghdr *header = (const void *)bytes; NLMSG_OK(header, (unsigned)length); header = NLMSG_NEXT(header, length))
    if (header->nlmsg_type == NLMSG_ERROR || header->nlmsg_type == NLMSG_DONE) ended++;
  return ended;
}

static int receive(int fd, uint32_t expected, struct replies *replies, struct error *err) {
  for (uint32_t ended = 0; ended < expected;) {
    if (grow(replies, err) < 0) return -1;
    ssize_t got = recv(fd, replies->bytes + replies->length, RECEIVE_BYTES, MSG_TRUNC);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return error_errno(err, "recv", NULL);
    if (got > RECEIVE_BYTES) return error_text(err, "netlink: an answer of %zd bytes is longer than the buffer", got);
    ended += ended_in(replies->bytes + replies->length, (int)got);
    replies->length += (uint32_t)got;
  }
  return 0;
}

/* All messages go in one send, but a socket runs one dump at a time: each dump is sent alone. */
int netlink_exchange(int fd, const uint8_t *request, uint32_t length, struct replies *replies, struct error *err) {
  for (uint32_t from = 0; from < length;) {
    uint32_t to = from, count = 0;
    while (to < length) {
      const struct nlmsghdr *header = (const void *)(request + to);
      int dump = (header->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP && !(header->nlmsg_flags & NLM_F_CREATE);
      if (dump && count > 0) break;
      to += NLMSG_ALIGN(header->nlmsg_len);
      count++;
      if (dump) break;
    }
    if (send(fd, request + from, to - from, 0) < 0) return error_errno(err, "send", NULL);
    if (receive(fd, count, replies, err) < 0) return -1;
    from = to;
  }
  return 0;
}

int lib_netlink(const char *netns, int protocol, const uint8_t *request, uint32_t length, uint8_t **reply, uint32_t *reply_length, struct error *err) {
  struct target target = { netns, protocol, -1 };
  struct replies replies = {0};
  if (!netns) target.fd = netlink_open(protocol, err);
  int result = netns ? run_on_thread(open_there, &target, err) : target.fd < 0 ? -1 : 0;
  if (result == 0) result = netlink_exchange(target.fd, request, length, &replies, err);
  if (target.fd >= 0) close(target.fd);
  if (result < 0) {
    free(replies.bytes);
    return -1;
  }
  *reply = replies.bytes;
  *reply_length = replies.length;
  return 0;
}

void lib_free(void *pointer) { free(pointer); }

void lib_trim(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}
