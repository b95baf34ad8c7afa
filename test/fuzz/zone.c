/* A zone file, searched for each name in it. */
#include <stdlib.h>
#include <string.h>

#include "dns_zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  char name[DNS_NAME], data[DNS_NAME];
  static const char first[] = "version 1\n"; /* without it no zone is used */
  char *text = malloc(sizeof first - 1 + length);
  if (!text) abort();
  memcpy(text, first, sizeof first - 1);
  memcpy(text + sizeof first - 1, bytes, length);
  struct dns_zone zone = {.path = "", .text = text, .size = sizeof first - 1 + length};
  dns_zone_find(&zone, "web", NULL, data);
  for (size_t at = 0, end; at < length; at = end + 1) {
    for (end = at; end < length && bytes[end] != '\n' && bytes[end] != ' '; end++) continue;
    if (end - at >= sizeof name) continue;
    memcpy(name, bytes + at, end - at);
    name[end - at] = 0;
    int turns = 0;
    for (const char *found = NULL; turns < 100 && (found = dns_zone_find(&zone, name, found, data)); turns++) if (strlen(data) >= sizeof data) __builtin_trap();
  }
  free(text);
  return 0;
}
