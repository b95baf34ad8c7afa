#include "dns_zone.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scope.h"

/* The newline at its end is also what stands before the first record. */
static const char first_line[] = "version 1\n";

static bool is_known(const struct dns_zone *zone, const struct stat *status) {
  return status->st_ino == zone->inode && status->st_dev == zone->device && status->st_mtim.tv_sec == zone->modified.tv_sec && status->st_mtim.tv_nsec == zone->modified.tv_nsec;
}

void dns_zone_refresh(struct dns_zone *zone) {
  struct stat status;
  if (stat(zone->path, &status) < 0 || is_known(zone, &status)) return;
  fd_auto fd = open(zone->path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &status) < 0 || (size_t)status.st_size < sizeof first_line - 1) return;
  char *text = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
  if (text == MAP_FAILED) return;
  if (memcmp(text, first_line, sizeof first_line - 1) != 0) { munmap(text, (size_t)status.st_size); return; }
  if (zone->text) munmap((void *)(uintptr_t)zone->text, zone->size);
  zone->text = text;
  zone->size = (size_t)status.st_size;
  zone->device = status.st_dev;
  zone->inode = status.st_ino;
  zone->modified = status.st_mtim;
}

/* The word at `at`, at most up to the end of its line. False where it is empty or longer than a name. */
static bool read_word(const struct dns_zone *zone, const char *at, char word[DNS_NAME]) {
  size_t length = 0, left = (size_t)(zone->text + zone->size - at);
  while (length < left && at[length] != ' ' && at[length] != '\n') length++;
  if (length == 0 || length >= DNS_NAME) return false;
  memcpy(word, at, length);
  word[length] = 0;
  return true;
}

const char *dns_zone_find(const struct dns_zone *zone, const char *name, const char *from, char address[DNS_NAME]) {
  char wanted[DNS_NAME + 2];
  size_t length = (size_t)snprintf(wanted, sizeof wanted, "\n%s ", name);
  if (!zone->text || !*name) return NULL;
  if (!from) from = zone->text;
  for (const char *end = zone->text + zone->size; (from = memmem(from, (size_t)(end - from), wanted, length));) {
    from += length;
    if (read_word(zone, from, address)) return from;
  }
  return NULL;
}

bool dns_zone_name_of(const struct dns_zone *zone, const char *address, char name[DNS_NAME]) {
  char wanted[DNS_NAME + 2];
  size_t length = (size_t)snprintf(wanted, sizeof wanted, " %s", address);
  if (!zone->text) return false;
  const char *from = zone->text + sizeof first_line - 1, *end = zone->text + zone->size;
  for (const char *at = from; (at = memmem(at, (size_t)(end - at), wanted, length)); at += length) {
    if (at + length < end && at[length] != ' ' && at[length] != '\n') continue;
    const char *line = memrchr(from, '\n', (size_t)(at - from));
    line = line ? line + 1 : from;
    if (read_word(zone, line, name) && line + strlen(name) == at) return true; /* its second word, not a later one */
  }
  return false;
}
