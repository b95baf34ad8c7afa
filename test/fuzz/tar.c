/* A layer: decompressed, and its headers read one after the other. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "unpack_tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  struct error err;
  char hex[65];
  uint64_t size;
  int fd = memfd_create("layer", 0);
  if (fd < 0 || write(fd, bytes, length) != (ssize_t)length || lseek(fd, 0, SEEK_SET) < 0) abort();
  struct tar_entry *entry = calloc(1, sizeof *entry);
  struct stream *stream = stream_open(fd, &err);
  while (stream) {
    int rc = tar_next(stream, entry, &err);
    bool more = rc > 0 && stream_skip_at_most(stream, entry->size, &err) >= 0 && stream_skip_at_most(stream, (512 - entry->size % 512) % 512, &err) >= 0;
    tar_entry_free(entry);
    if (!more) break;
  }
  free(entry);
  if (stream) stream_finish(stream, hex, &size, &err);
  stream_close(stream);
  close(fd);
  return 0;
}
