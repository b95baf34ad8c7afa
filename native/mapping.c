#include "mapping.h"

#include <stdlib.h>
#include <string.h>

#include "arena.h"

#define OVERFLOW_ID 65534

bool mapping_outside(const struct mapping *list, size_t count, uint32_t inside, uint32_t *outside) {
  if (count == 0) { *outside = inside; return true; }
  for (size_t i = 0; i < count; i++) {
    if (inside < list[i].container || inside - list[i].container >= list[i].size) continue;
    *outside = list[i].host + (inside - list[i].container);
    return true;
  }
  return false;
}

uint32_t mapping_inside(const struct mapping *list, size_t count, uint32_t outside) {
  if (count == 0) return outside;
  for (size_t i = 0; i < count; i++)
    if (outside >= list[i].host && outside - list[i].host < list[i].size) return list[i].container + (outside - list[i].host);
  return OVERFLOW_ID;
}

int mapping_parse(const char *text, struct mapping **list, size_t *count, struct error *err) {
  size_t room = 1;
  for (const char *at = text; *at; at++) room += *at == ',';
  *list = arena_alloc(room * sizeof **list);
  if (!*list) return error_text(err, "out of memory");
  for (const char *at = text; *count < room; at++) {
    unsigned long long numbers[3];
    for (int i = 0; i < 3; i++) {
      char *end;
      numbers[i] = strtoull(at, &end, 10);
      if (end == at || numbers[i] > UINT32_MAX || (i < 2 && *end != ':')) return error_text(err, "\"%.100s\" is no list of mappings INSIDE:OUTSIDE:SIZE", text);
      at = end + (i < 2);
    }
    (*list)[(*count)++] = (struct mapping){(uint32_t)numbers[0], (uint32_t)numbers[1], (uint32_t)numbers[2]};
    if (*at != ',') return *at ? error_text(err, "\"%.100s\" is no list of mappings INSIDE:OUTSIDE:SIZE", text) : 0;
  }
  return 0;
}
