#include "attach.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 65536
#define HEADER 8
#define TYPED 16384
/* A frame of each stream beyond the one that is waited with, for what is left in the container's pipes when it ends. */
#define QUEUE (4 * (CHUNK + HEADER))
#define PATIENCE_MS (5 * 60 * 1000)

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

void attach_open(struct attach *attach) {
  *attach = (struct attach){.input = -1};
  for (int i = 0; i < ATTACH_CLIENTS; i++) attach->clients[i].fd = -1;
}

int attach_add(struct attach *attach, int fd, const char *parts, struct error *err) {
  unsigned wanted = (strchr(parts, 'i') ? ATTACH_STDIN : 0) | (strchr(parts, 'o') ? ATTACH_STDOUT : 0) | (strchr(parts, 'e') ? ATTACH_STDERR : 0);
  for (int i = 0; i < ATTACH_CLIENTS; i++) {
    struct attachment *client = &attach->clients[i];
    if (client->fd >= 0) continue;
    if (!queue_open(&client->queue, QUEUE)) break;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    client->fd = fd;
    client->parts = wanted;
    client->typing = wanted & ATTACH_STDIN;
    return 0;
  }
  close(fd);
  errno = EBUSY;
  return error_errno(err, "attach", "the container's stdio");
}

void attach_input(struct attach *attach, int input, bool terminal, bool once) {
  attach->raw = terminal;
  attach->once = once && !terminal;
  if (input >= 0 && queue_open(&attach->typed, TYPED)) attach->input = input;
}

static void end_input(struct attach *attach) {
  attach->ending = true;
  if (attach->typed.used || attach->input < 0) return;
  close(attach->input);
  attach->input = -1;
  queue_close(&attach->typed);
}

static void stop_typing(struct attach *attach, struct attachment *client) {
  if (client->typing && attach->once) end_input(attach);
  client->typing = false;
}

static void drop(struct attach *attach, struct attachment *client) {
  stop_typing(attach, client);
  close(client->fd);
  client->fd = -1;
  queue_close(&client->queue);
}

bool attach_has_room(const struct attach *attach) {
  for (int i = 0; i < ATTACH_CLIENTS; i++)
    if (attach->clients[i].fd >= 0 && queue_room(&attach->clients[i].queue) < QUEUE - CHUNK) return false;
  return true;
}

static void flush(struct attach *attach, struct attachment *client) {
  ssize_t n = queue_flush(&client->queue, client->fd);
  if (n < 0) drop(attach, client);
  else if (n > 0) client->since = now_ms();
}

void attach_output(struct attach *attach, int stream, const char *bytes, size_t length) {
  unsigned part = stream == 2 ? ATTACH_STDERR : ATTACH_STDOUT;
  struct { uint8_t stream, zero[3]; uint32_t length; } header = {(uint8_t)stream, {0}, htonl((uint32_t)length)};
  for (int i = 0; i < ATTACH_CLIENTS; i++) {
    struct attachment *client = &attach->clients[i];
    if (client->fd < 0 || !(client->parts & part)) continue;
    if (queue_room(&client->queue) < length + HEADER) { drop(attach, client); continue; }
    if (!client->queue.used) client->since = now_ms();
    if (!attach->raw) queue_put(&client->queue, &header, sizeof header);
    queue_put(&client->queue, bytes, length);
    flush(attach, client);
  }
}

void attach_poll(const struct attach *attach, struct pollfd *entries) {
  bool takes = attach->input < 0 || !attach->typed.used;
  for (int i = 0; i < ATTACH_CLIENTS; i++) {
    const struct attachment *client = &attach->clients[i];
    short events = (short)((client->typing && takes ? POLLIN : 0) | (client->queue.used ? POLLOUT : 0));
    /* One whose input has to wait is not even asked whether it is still there: what it has sent counts, and poll would tell of its end again and again. */
    entries[i] = (struct pollfd){.fd = client->typing && !events ? -1 : client->fd, .events = events};
  }
  entries[ATTACH_CLIENTS] = (struct pollfd){.fd = attach->input >= 0 && attach->typed.used ? attach->input : -1, .events = POLLOUT};
}

static void type(struct attach *attach) {
  if (attach->input < 0) return;
  if (queue_flush(&attach->typed, attach->input) < 0) { attach->typed.used = 0; end_input(attach); } /* it has closed its stdin */
  else if (attach->ending) end_input(attach);
}

/* What is sent to a container that reads no input is taken and forgotten, or its sender would wait for ever. */
static void receive(struct attach *attach, struct attachment *client) {
  char forgotten[4096];
  ssize_t n = attach->input >= 0 ? queue_fill(&attach->typed, client->fd) : read(client->fd, forgotten, sizeof forgotten);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n < 0) drop(attach, client);
  else if (n == 0) stop_typing(attach, client);
  else type(attach);
}

void attach_handle(struct attach *attach, const struct pollfd *entries) {
  if (entries[ATTACH_CLIENTS].revents) type(attach);
  for (int i = 0; i < ATTACH_CLIENTS; i++) {
    struct attachment *client = &attach->clients[i];
    short seen = client->fd >= 0 && entries[i].fd == client->fd ? entries[i].revents : 0;
    if (seen & POLLIN) {
      if (attach->input < 0 || !attach->typed.used) receive(attach, client);
    } else if (seen & (POLLHUP | POLLERR)) drop(attach, client);
    if (client->fd >= 0 && seen & POLLOUT) flush(attach, client);
    if (client->fd >= 0 && client->queue.used && now_ms() - client->since > PATIENCE_MS) drop(attach, client);
  }
}

static int longest_wait(const struct attach *attach, int patience) {
  int wait = -1;
  for (int i = 0; i < ATTACH_CLIENTS; i++) {
    const struct attachment *client = &attach->clients[i];
    if (client->fd < 0 || !client->queue.used) continue;
    long long left = client->since + patience - now_ms();
    int ms = left > 0 ? (int)left : 0;
    if (wait < 0 || ms < wait) wait = ms;
  }
  return wait;
}

int attach_patience(const struct attach *attach) { return longest_wait(attach, PATIENCE_MS); }

/* One round of giving readers what they are owed; those that took nothing for `ms` are let go. */
static void serve_behind(struct attach *attach, int ms) {
  struct pollfd entries[ATTACH_CLIENTS];
  for (int i = 0; i < ATTACH_CLIENTS; i++) entries[i] = (struct pollfd){.fd = attach->clients[i].queue.used ? attach->clients[i].fd : -1, .events = POLLOUT};
  poll(entries, ATTACH_CLIENTS, longest_wait(attach, ms));
  for (int i = 0; i < ATTACH_CLIENTS; i++) {
    struct attachment *client = &attach->clients[i];
    if (client->fd < 0 || !client->queue.used) continue;
    if (entries[i].revents) flush(attach, client);
    if (client->fd >= 0 && client->queue.used && now_ms() - client->since >= ms) drop(attach, client);
  }
}

void attach_make_room(struct attach *attach, int ms) { while (!attach_has_room(attach)) serve_behind(attach, ms); }

void attach_finish(struct attach *attach, int ms) {
  while (longest_wait(attach, ms) >= 0) serve_behind(attach, ms);
  for (int i = 0; i < ATTACH_CLIENTS; i++) if (attach->clients[i].fd >= 0) drop(attach, &attach->clients[i]);
}
