#include "queue.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool queue_open(struct queue *queue, size_t size) {
  void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (bytes == MAP_FAILED) return false;
  *queue = (struct queue){.bytes = bytes, .size = size};
  return true;
}

void queue_close(struct queue *queue) {
  if (queue->bytes) munmap(queue->bytes, queue->size);
  *queue = (struct queue){0};
}

size_t queue_room(const struct queue *queue) { return queue->size - queue->used; }

/* Where the next bytes go; what is there moves to the front where they would not fit behind it. */
static char *end_of(struct queue *queue, size_t length) {
  if (queue->begin + queue->used + length > queue->size) {
    memmove(queue->bytes, queue->bytes + queue->begin, queue->used);
    queue->begin = 0;
  }
  return queue->bytes + queue->begin + queue->used;
}

void queue_put(struct queue *queue, const void *bytes, size_t length) {
  memcpy(end_of(queue, length), bytes, length);
  queue->used += length;
}

ssize_t queue_fill(struct queue *queue, int from) {
  size_t room = queue_room(queue);
  ssize_t n = read(from, end_of(queue, room), room);
  if (n > 0) queue->used += (size_t)n;
  return n;
}

ssize_t queue_flush(struct queue *queue, int to) {
  ssize_t all = 0;
  while (queue->used) {
    ssize_t n = write(to, queue->bytes + queue->begin, queue->used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return all;
    if (n < 0) return -1;
    queue->begin += (size_t)n;
    queue->used -= (size_t)n;
    all += n;
  }
  queue->begin = 0;
  return all;
}
