#include "carried.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define ROOM 65536

/* What each end is to be waited for: input where there is room for it, and room where there is output. One that is closed both ways would say so without end. */
static void watch(int epoll, struct carried *carried) {
  bool reads_client = !carried->connecting && !carried->client_ended && queue_room(&carried->up);
  bool reads_upstream = !carried->connecting && !carried->upstream_ended && queue_room(&carried->down);
  struct epoll_event client = {.events = (reads_client ? EPOLLIN : 0u) | (carried->down.used ? EPOLLOUT : 0u), .data.ptr = &carried->client};
  struct epoll_event upstream = {.events = (reads_upstream ? EPOLLIN : 0u) | (carried->connecting || carried->up.used ? EPOLLOUT : 0u), .data.ptr = &carried->upstream};
  epoll_ctl(epoll, carried->client_ended && carried->down_closed ? EPOLL_CTL_DEL : EPOLL_CTL_MOD, carried->client.fd, &client);
  epoll_ctl(epoll, carried->upstream_ended && carried->up_closed ? EPOLL_CTL_DEL : EPOLL_CTL_MOD, carried->upstream.fd, &upstream);
}

/* Connects to the next target in turn, until each has been tried once. */
static bool dial(int epoll, struct carried *carried, struct carry_targets *targets) {
  while (carried->tried < targets->count) {
    if (carried->tried == 0) carried->first = targets->next++;
    const struct sockaddr_storage *address = &targets->address[(carried->first + carried->tried++) % targets->count];
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return false;
    socklen_t length = address->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = &carried->upstream};
    if ((connect(fd, (const struct sockaddr *)address, length) == 0 || errno == EINPROGRESS) && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0) {
      carried->upstream.fd = fd;
      carried->connecting = true;
      return true;
    }
    close(fd);
  }
  return false;
}

struct carried *carried_open(int epoll, int client, struct carry_targets *targets) {
  struct carried *carried = calloc(1, sizeof *carried);
  if (!carried) { close(client); return NULL; }
  carried->client = (struct carry_end){CARRY_CLIENT, client, carried};
  carried->upstream = (struct carry_end){CARRY_UPSTREAM, -1, carried};
  struct epoll_event event = {.data.ptr = &carried->client};
  if (queue_open(&carried->up, ROOM) && queue_open(&carried->down, ROOM) && epoll_ctl(epoll, EPOLL_CTL_ADD, client, &event) == 0 && dial(epoll, carried, targets)) {
    watch(epoll, carried);
    return carried;
  }
  carried_close(carried);
  return NULL;
}

/* One direction: in, out, and the end passed on once all before it is. False where it is broken. */
static bool pass(int from, struct queue *queue, int to, bool *ended, bool *closed) {
  if (!*ended && queue_room(queue)) {
    ssize_t n = queue_fill(queue, from);
    if (n == 0) *ended = true;
    else if (n < 0 && errno != EAGAIN && errno != EINTR) return false;
  }
  if (queue_flush(queue, to) < 0) return false;
  if (*ended && !queue->used && !*closed) {
    *closed = true;
    if (shutdown(to, SHUT_WR) < 0 && errno != ENOTCONN) return false;
  }
  return true;
}

static int failure_of(int fd) {
  int failure = 0;
  socklen_t length = sizeof failure;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &length) < 0 ? errno : failure;
}

/* Whether the connection to the target stands or is still on its way. */
static bool reach(int epoll, struct carried *carried, struct carry_targets *targets) {
  struct sockaddr_storage peer;
  socklen_t length = sizeof peer;
  if (failure_of(carried->upstream.fd) == 0) {
    if (getpeername(carried->upstream.fd, (struct sockaddr *)&peer, &length) == 0) carried->connecting = false;
    return true;
  }
  close(carried->upstream.fd);
  carried->upstream.fd = -1;
  return dial(epoll, carried, targets);
}

bool carried_handle(int epoll, const struct carry_end *end, uint32_t events, struct carry_targets *targets) {
  struct carried *carried = end->owner;
  if (events & EPOLLERR && !(carried->connecting && end->kind == CARRY_UPSTREAM)) return false;
  if (carried->connecting && !reach(epoll, carried, targets)) return false;
  if (!carried->connecting) {
    if (!pass(carried->client.fd, &carried->up, carried->upstream.fd, &carried->client_ended, &carried->up_closed)) return false;
    if (!pass(carried->upstream.fd, &carried->down, carried->client.fd, &carried->upstream_ended, &carried->down_closed)) return false;
    if (carried->up_closed && carried->down_closed) return false;
  }
  watch(epoll, carried);
  return true;
}

void carried_close(struct carried *carried) {
  close(carried->client.fd);
  if (carried->upstream.fd >= 0) close(carried->upstream.fd);
  queue_close(&carried->up);
  queue_close(&carried->down);
  free(carried);
}
