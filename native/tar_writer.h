#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "error.h"
#include "mapping.h"

/* Writes one tar archive: ustar, with pax records where that has no room. All answer 0, or -1 with an error. */
struct tar_writer {
  int out;
  const struct mappings *users; /* owners as they are in a namespace with these; NULL: as they are */
  size_t used, record_length;
  char buffer[256 * 1024], records[256 * 1024];
};

/* A pax record of the entry whose header comes next; the value is any bytes. */
int tar_add_record(struct tar_writer *tar, const char *key, const void *value, size_t size, struct error *err);
/* The header of an entry, its records before it. `type` is ustar's letter, `target` a link's, or NULL; so many bytes of content come behind it, and their padding. */
int tar_put_header(struct tar_writer *tar, char type, const char *name, const char *target, const struct stat *st, uint64_t size, struct error *err);
int tar_put(struct tar_writer *tar, const void *bytes, size_t length, struct error *err);
/* Behind content of so many bytes. */
int tar_put_padding(struct tar_writer *tar, uint64_t size, struct error *err);
/* What ends an archive; all that was put is written then. */
int tar_put_end(struct tar_writer *tar, struct error *err);
