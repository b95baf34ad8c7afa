#pragma once
#include <stddef.h>
#include <stdint.h>
#include "error.h"

/* The uncompressed bytes of a layer, told by its first bytes to be gzip (any number of members), zstd (any number of frames) or plain. A
   thread of its own reads and decompresses; the caller's hashes what it takes. */
struct stream;

struct stream *stream_open(int fd, struct error *err);
/* Points `bytes` at what is there next, at most `max` bytes; their number, 0 at the end, -1 on failure. They are taken. */
long stream_take(struct stream *stream, size_t max, const uint8_t **bytes, struct error *err);
/* Exactly `length` bytes into `buffer`: 1; 0 at an end before the first one; -1 on failure, an end in between included. */
int stream_read(struct stream *stream, void *buffer, size_t length, struct error *err);
int stream_skip(struct stream *stream, uint64_t length, struct error *err);
/* The stream may end before. */
int stream_skip_at_most(struct stream *stream, uint64_t length, struct error *err);
/* Takes what remains. `hex` holds 65 bytes and gets the SHA-256 of all bytes, `size` their number. */
int stream_finish(struct stream *stream, char *hex, uint64_t *size, struct error *err);
/* NULL is fine. A stream that was not read to its end leaves its thread and memory behind, until the process ends. */
void stream_close(struct stream *stream);
