#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "arena.h"
#include "console.h"

#define QUEUE 65536

void relay_open(struct relay *relay, int master, int control) {
  if (master < 0 || !queue_open(&relay->typed, QUEUE) || !queue_open(&relay->shown, QUEUE)) return;
  relay->master = master;
  relay->slave = console_slave(master);
  relay->control = control;
  relay->typing = true;
  if (control >= 0) fcntl(control, F_SETFL, O_NONBLOCK);
  fcntl(0, F_SETFL, O_NONBLOCK);
  fcntl(1, F_SETFL, O_NONBLOCK);
}

void relay_poll(const struct relay *relay, struct pollfd *entries) {
  for (int i = 0; i < RELAY_ENTRIES; i++) entries[i] = (struct pollfd){.fd = -1};
  if (relay->master < 0) return;
  bool reads = queue_room(&relay->shown) > 0;
  entries[0] = (struct pollfd){.fd = relay->typing && !relay->typed.used ? 0 : -1, .events = POLLIN};
  entries[1] = (struct pollfd){.fd = reads || relay->typed.used ? relay->master : -1, .events = (short)((reads ? POLLIN : 0) | (relay->typed.used ? POLLOUT : 0))};
  entries[2] = (struct pollfd){.fd = 1, .events = relay->shown.used ? POLLOUT : 0};
  entries[3] = (struct pollfd){.fd = relay->control, .events = POLLIN};
}

static void resize(struct relay *relay) {
  struct error ignored; /* a size that is none changes nothing */
  ssize_t n = read(relay->control, relay->line + relay->used, sizeof relay->line - 1 - relay->used);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) { close(relay->control); relay->control = -1; return; }
  relay->used += (unsigned)n;
  for (char *end; (end = memchr(relay->line, '\n', relay->used));) {
    unsigned length = (unsigned)(end - relay->line) + 1;
    *end = 0;
    console_request(relay->master, json_loads(relay->line, 0, NULL), &ignored);
    arena_reset();
    relay->used -= length;
    memmove(relay->line, relay->line + length, relay->used);
  }
  if (relay->used == sizeof relay->line - 1) relay->used = 0; /* no request is that long */
}

static bool would_wait(ssize_t n) { return n < 0 && (errno == EAGAIN || errno == EINTR); }

bool relay_handle(struct relay *relay, const struct pollfd *entries) {
  if (relay->master < 0) return true;
  if (entries[0].revents) {
    ssize_t n = queue_fill(&relay->typed, 0);
    if (n <= 0 && !would_wait(n)) relay->typing = false;
  }
  if (relay->typed.used && queue_flush(&relay->typed, relay->master) < 0) relay->typed.used = 0;
  if (entries[1].revents & POLLIN) queue_fill(&relay->shown, relay->master);
  if (relay->control >= 0 && entries[3].revents) resize(relay);
  return queue_flush(&relay->shown, 1) >= 0 && !(entries[2].revents & (POLLERR | POLLHUP));
}

void relay_finish(struct relay *relay) {
  if (relay->master < 0) return;
  fcntl(0, F_SETFL, 0); /* others have the same open file: a shell, after us */
  fcntl(1, F_SETFL, 0);
  do if (queue_flush(&relay->shown, 1) < 0) break; while (queue_fill(&relay->shown, relay->master) > 0);
  close(relay->slave);
  close(relay->master);
  relay->master = -1;
}
