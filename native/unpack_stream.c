#include "unpack_stream.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

/* Archives are padded to their writer's records; what is longer is no padding, and would be decompressed for nothing. */
enum { BLOCKS = 16, BLOCK = 128 * 1024, MAX_TRAILING = 64 << 20 };

struct block { size_t length; uint8_t bytes[BLOCK]; };

struct stream {
  int fd;
  pthread_t thread;
  bool started;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  /* Under the lock: blocks [taken, made) are the consumer's, the others the producer's. */
  unsigned made, taken;
  bool ended, failed, cancelled;
  struct error failure;
  /* The consumer's own. */
  struct block *blocks;
  size_t at; /* in the block being read */
  bool have;
  struct sha256_ctx hash;
  uint64_t size;
};

/* The block to fill next; NULL where the consumer has gone. */
static struct block *block_to_fill(struct stream *s) {
  struct block *block = NULL;
  pthread_mutex_lock(&s->lock);
  while (!s->cancelled && s->made - s->taken == BLOCKS) pthread_cond_wait(&s->changed, &s->lock);
  if (!s->cancelled) block = &s->blocks[s->made % BLOCKS];
  pthread_mutex_unlock(&s->lock);
  if (block) block->length = 0;
  return block;
}

static void block_filled(struct stream *s) {
  pthread_mutex_lock(&s->lock);
  s->made++;
  pthread_cond_signal(&s->changed);
  pthread_mutex_unlock(&s->lock);
}

static ssize_t read_some(int fd, void *buffer, size_t size) {
  ssize_t n;
  do n = read(fd, buffer, size); while (n < 0 && errno == EINTR);
  return n;
}

/* Compressed input. `head` bytes were read to tell the format. */
struct input { int fd; uint8_t *bytes; size_t at, length; };

static int input_more(struct input *in, struct error *err) {
  ssize_t n = read_some(in->fd, in->bytes, BLOCK);
  if (n < 0) return error_errno(err, "read", "layer");
  in->at = 0;
  in->length = (size_t)n;
  return n > 0;
}

static int plain(struct stream *s, struct input *in, struct error *err) {
  struct block *block = block_to_fill(s);
  if (!block) return 0;
  memcpy(block->bytes, in->bytes, in->length);
  block->length = in->length;
  for (;;) {
    while (block->length < BLOCK) {
      ssize_t n = read_some(in->fd, block->bytes + block->length, BLOCK - block->length);
      if (n < 0) return error_errno(err, "read", "layer");
      if (n == 0) return block->length ? block_filled(s), 0 : 0;
      block->length += (size_t)n;
    }
    block_filled(s);
    if (!(block = block_to_fill(s))) return 0;
  }
}

static int gunzip_with(struct stream *s, struct input *in, z_stream *z, struct error *err) {
  struct block *block = block_to_fill(s);
  for (bool inside = false; block;) {
    if (in->at == in->length) {
      int more = input_more(in, err);
      if (more < 0) return -1;
      if (more == 0) {
        if (inside) return error_text(err, "the layer's gzip data is truncated");
        if (block->length) block_filled(s);
        return 0;
      }
    }
    if (!inside) {
      /* Between members: padding of zeros is customary, anything else must be a member. */
      if (in->bytes[in->at] == 0) { in->at++; continue; }
      inflateReset(z);
      inside = true;
    }
    z->next_in = in->bytes + in->at;
    z->avail_in = (unsigned)(in->length - in->at);
    z->next_out = block->bytes + block->length;
    z->avail_out = (unsigned)(BLOCK - block->length);
    int rc = inflate(z, Z_NO_FLUSH);
    in->at = in->length - z->avail_in;
    block->length = BLOCK - z->avail_out;
    if (rc == Z_STREAM_END) inside = false;
    else if (rc != Z_OK && rc != Z_BUF_ERROR) return error_text(err, "the layer's gzip data is damaged: %s", z->msg ? z->msg : "no gzip member");
    if (block->length == BLOCK) { block_filled(s); block = block_to_fill(s); }
  }
  return 0;
}

static int gunzip(struct stream *s, struct input *in, struct error *err) {
  z_stream z = {0};
  if (inflateInit2(&z, 15 + 16) != Z_OK) return error_text(err, "zlib: out of memory");
  int rc = gunzip_with(s, in, &z, err);
  inflateEnd(&z);
  return rc;
}

static int unzstd_with(struct stream *s, struct input *in, ZSTD_DStream *z, struct error *err) {
  struct block *block = block_to_fill(s);
  size_t left = 0; /* 0: a frame has just ended */
  bool full = false; /* the last output block was full: more may wait inside the decoder */
  while (block) {
    if (in->at == in->length && !full) {
      int more = input_more(in, err);
      if (more < 0) return -1;
      if (more == 0) {
        if (left) return error_text(err, "the layer's zstd data is truncated");
        if (block->length) block_filled(s);
        return 0;
      }
    }
    ZSTD_inBuffer from = {in->bytes, in->length, in->at};
    ZSTD_outBuffer to = {block->bytes, BLOCK, block->length};
    left = ZSTD_decompressStream(z, &to, &from);
    if (ZSTD_isError(left)) return error_text(err, "the layer's zstd data is damaged: %s", ZSTD_getErrorName(left));
    in->at = from.pos;
    block->length = to.pos;
    full = to.pos == BLOCK;
    if (full) { block_filled(s); block = block_to_fill(s); full = left != 0; }
  }
  return 0;
}

static int unzstd(struct stream *s, struct input *in, struct error *err) {
  ZSTD_DStream *z = ZSTD_createDStream();
  if (!z) return error_text(err, "zstd: out of memory");
  int rc = unzstd_with(s, in, z, err);
  ZSTD_freeDStream(z);
  return rc;
}

static int produce_with(struct stream *s, struct input *in, struct error *err) {
  while (in->length < 4) {
    ssize_t n = read_some(in->fd, in->bytes + in->length, BLOCK - in->length);
    if (n < 0) return error_errno(err, "read", "layer");
    if (n == 0) break;
    in->length += (size_t)n;
  }
  if (in->length >= 2 && in->bytes[0] == 0x1f && in->bytes[1] == 0x8b) return gunzip(s, in, err);
  if (in->length >= 4 && memcmp(in->bytes, "\x28\xb5\x2f\xfd", 4) == 0) return unzstd(s, in, err);
  return plain(s, in, err);
}

static void *produce(void *argument) {
  struct stream *s = argument;
  struct error err = {0};
  struct input in = {.fd = s->fd, .bytes = malloc(BLOCK)};
  int rc = in.bytes ? produce_with(s, &in, &err) : error_text(&err, "out of memory");
  free(in.bytes);
  pthread_mutex_lock(&s->lock);
  s->ended = true;
  s->failed = rc < 0;
  s->failure = err;
  pthread_cond_signal(&s->changed);
  pthread_mutex_unlock(&s->lock);
  return NULL;
}

struct stream *stream_open(int fd, struct error *err) {
  struct stream *s = calloc(1, sizeof *s);
  if (!s) { error_text(err, "out of memory"); return NULL; }
  s->fd = fd;
  pthread_mutex_init(&s->lock, NULL);
  pthread_cond_init(&s->changed, NULL);
  s->blocks = malloc(BLOCKS * sizeof *s->blocks);
  sha256_init(&s->hash);
  if (!s->blocks) {
    error_text(err, "out of memory");
    stream_close(s);
    return NULL;
  }
  int rc = pthread_create(&s->thread, NULL, produce, s);
  if (rc) {
    errno = rc;
    error_errno(err, "pthread_create", NULL);
    stream_close(s);
    return NULL;
  }
  s->started = true;
  return s;
}

/* Waits for the next block and hashes it; 0 at the end. */
static int block_next(struct stream *s, struct error *err) {
  pthread_mutex_lock(&s->lock);
  while (s->made == s->taken && !s->ended) pthread_cond_wait(&s->changed, &s->lock);
  bool there = s->made != s->taken, failed = s->failed;
  pthread_mutex_unlock(&s->lock);
  if (!there) {
    if (!failed) return 0;
    *err = s->failure;
    return -1;
  }
  struct block *block = &s->blocks[s->taken % BLOCKS];
  sha256_update(&s->hash, block->length, block->bytes);
  s->size += block->length;
  s->at = 0;
  s->have = true;
  return 1;
}

static void block_done(struct stream *s) {
  s->have = false;
  pthread_mutex_lock(&s->lock);
  s->taken++;
  pthread_cond_signal(&s->changed);
  pthread_mutex_unlock(&s->lock);
}

long stream_take(struct stream *s, size_t max, const uint8_t **bytes, struct error *err) {
  if (s->have && s->at == s->blocks[s->taken % BLOCKS].length) block_done(s);
  if (!s->have) {
    int rc = block_next(s, err);
    if (rc <= 0) return rc;
  }
  struct block *block = &s->blocks[s->taken % BLOCKS];
  size_t there = block->length - s->at;
  if (there > max) there = max;
  *bytes = block->bytes + s->at;
  s->at += there;
  return (long)there;
}

static int truncated(struct error *err) { return error_text(err, "the layer's tar archive is truncated"); }

int stream_read(struct stream *s, void *buffer, size_t length, struct error *err) {
  for (size_t done = 0; done < length;) {
    const uint8_t *bytes;
    long n = stream_take(s, length - done, &bytes, err);
    if (n < 0) return -1;
    if (n == 0) return done ? truncated(err) : 0;
    memcpy((uint8_t *)buffer + done, bytes, (size_t)n);
    done += (size_t)n;
  }
  return 1;
}

/* What was missing at the end; -1 on failure. */
static int64_t skip(struct stream *s, uint64_t length, struct error *err) {
  while (length > 0) {
    const uint8_t *bytes;
    long n = stream_take(s, length > BLOCK ? BLOCK : (size_t)length, &bytes, err);
    if (n < 0) return -1;
    if (n == 0) break;
    length -= (uint64_t)n;
  }
  return (int64_t)length;
}

int stream_skip(struct stream *s, uint64_t length, struct error *err) {
  int64_t missing = skip(s, length, err);
  return missing > 0 ? truncated(err) : (int)missing;
}

int stream_skip_at_most(struct stream *s, uint64_t length, struct error *err) {
  return skip(s, length, err) < 0 ? -1 : 0;
}

int stream_finish(struct stream *s, char *hex, uint64_t *size, struct error *err) {
  const uint8_t *bytes;
  uint64_t trailing = 0;
  for (long n; (n = stream_take(s, BLOCK, &bytes, err)) != 0; trailing += (uint64_t)n) {
    if (n < 0) return -1;
    if (trailing > MAX_TRAILING) return error_text(err, "more than %d MiB follow the end of the layer's tar archive", MAX_TRAILING >> 20);
  }
  uint8_t digest[SHA256_DIGEST_SIZE];
  sha256_digest(&s->hash, sizeof digest, digest);
  for (size_t i = 0; i < 32; i++) {
    hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
    hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
  }
  hex[64] = 0;
  *size = s->size;
  return 0;
}

void stream_close(struct stream *s) {
  if (!s) return;
  if (s->started) {
    pthread_mutex_lock(&s->lock);
    s->cancelled = true;
    pthread_cond_signal(&s->changed);
    bool ended = s->ended;
    pthread_mutex_unlock(&s->lock);
    /* It may wait for input that never comes; what it uses is left to it then. */
    if (!ended) { pthread_detach(s->thread); return; }
    pthread_join(s->thread, NULL);
  }
  free(s->blocks);
  free(s);
}
