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
/* The next record of `name` after `from` (NULL: the first one); its address as text. Where to look on from, NULL for no more. */
const char *dns_zone_find(const struct dns_zone *zone, const char *name, const char *from, char address[DNS_NAME]);
/* The first name that stands for `address`. */
bool dns_zone_name_of(const struct dns_zone *zone, const char *address, char name[DNS_NAME]);
