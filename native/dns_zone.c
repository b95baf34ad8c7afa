#include "dns_zone.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scope.h"

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

static const char *end_of(const struct dns_zone *zone) { return zone->text + zone->size; }

static const char *next_line(const struct dns_zone *zone, const char *line) {
  const char *newline = memchr(line, '\n', (size_t)(end_of(zone) - line));
  return newline ? newline + 1 : end_of(zone);
}

/* As strcmp of the line's first word and the name. */
static int compare_name(const struct dns_zone *zone, const char *line, const char *name) {
  for (const char *end = end_of(zone); line < end && *line != ' ' && *line != '\n'; line++, name++)
    if (!*name || *line != *name) return !*name || (unsigned char)*line > (unsigned char)*name ? 1 : -1; /* a line may hold a NUL, where the name ends */
  return *name ? -1 : 0;
}

/* The first line that is not before the name: lines are in order. */
static const char *lower_bound(const struct dns_zone *zone, const char *name) {
  const char *low = zone->text + sizeof first_line - 1, *high = end_of(zone);
  while (low < high) {
    const char *middle = low + (high - low) / 2;
    while (middle > low && middle[-1] != '\n') middle--;
    if (compare_name(zone, middle, name) < 0) low = next_line(zone, middle);
    else high = middle;
  }
  return low;
}

/* The line's second word. False where it is empty or longer than a name. */
static bool read_data(const struct dns_zone *zone, const char *line, char data[DNS_NAME]) {
  const char *end = next_line(zone, line), *space = memchr(line, ' ', (size_t)(end - line));
  if (!space) return false;
  size_t length = 0, left = (size_t)(end - space - 1);
  for (space++; length < left && space[length] != ' ' && space[length] != '\n'; length++) {}
  if (length == 0 || length >= DNS_NAME) return false;
  memcpy(data, space, length);
  data[length] = 0;
  return true;
}

const char *dns_zone_find(const struct dns_zone *zone, const char *name, const char *after, char data[DNS_NAME]) {
  if (!zone->text || !*name) return NULL;
  for (const char *line = after ? next_line(zone, after) : lower_bound(zone, name); line < end_of(zone) && compare_name(zone, line, name) == 0; line = next_line(zone, line))
    if (read_data(zone, line, data)) return line;
  return NULL;
}
