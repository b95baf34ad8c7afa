#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Bytes on their way to a descriptor that does not take them at once. Its size is its bound. */
struct queue { char *bytes; size_t size, begin, used; };

/* False where there is no memory. */
bool queue_open(struct queue *queue, size_t size);
void queue_close(struct queue *queue);
size_t queue_room(const struct queue *queue);
/* `length` must fit in the room. */
void queue_put(struct queue *queue, const void *bytes, size_t length);
/* Reads once, as much as there is room for. The result of read(2). */
ssize_t queue_fill(struct queue *queue, int from);
/* Writes what `to` (non-blocking) takes: how many bytes that was, 0 where it is full; -1 with errno where it is broken. */
ssize_t queue_flush(struct queue *queue, int to);
