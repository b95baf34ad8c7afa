#pragma once
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>
#include "dns_message.h"

/* A zone file (README.md, DNS), mapped: all responders of a network share its pages, and it is searched as it is. The mapping keeps the
   inode in use, so its number is not given to the file that replaces it. */
struct dns_zone {
  const char *path;
  const char *text; /* NULL: none was readable yet */
  size_t size;
  dev_t device;
  ino_t inode;
  struct timespec modified;
};

/* Maps the file anew where it is another one than before; one stat(2). A file that cannot be read leaves what was known. */
void dns_zone_refresh(struct dns_zone *zone);
/* The record of `name` that follows `after` (NULL: the first one), with what it leads to as text. NULL: there is none. */
const char *dns_zone_find(const struct dns_zone *zone, const char *name, const char *after, char data[DNS_NAME]);
