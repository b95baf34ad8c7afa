/* The arena of native/arena.h with an allocation of its own for each piece, so that the address sanitizer sees what goes over its end. */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "arena.h"

#define MOST (16ul << 20)

struct piece { struct piece *next; };
static struct piece *pieces;
static size_t used;

static void keep(void *pointer) { (void)pointer; }

void arena_open(void) {
  json_set_alloc_funcs(arena_alloc, keep);
  json_object_seed(1);
}

/* The piece's own head lies in a block of its own. */
void *arena_alloc(size_t size) {
  if (size > MOST - used) return NULL;
  struct { struct piece piece; void *data; } *head = malloc(sizeof *head);
  if (!head) abort();
  head->data = malloc(size ? size : 1);
  if (!head->data) abort();
  head->piece.next = pieces;
  pieces = &head->piece;
  used += size;
  return head->data;
}

char *arena_format(const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int length = vsnprintf(NULL, 0, format, args);
  va_end(args);
  char *text = arena_alloc((size_t)length + 1);
  if (text) vsnprintf(text, (size_t)length + 1, format, again);
  va_end(again);
  return text;
}

void arena_reset(void) {
  while (pieces) {
    struct { struct piece piece; void *data; } *head = (void *)pieces;
    pieces = pieces->next;
    free(head->data);
    free(head);
  }
  used = 0;
}
