#include "arena.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

#define ARENA_SIZE (16ul << 20)
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define GAP 16ul /* after each piece, so that the sanitizer sees what goes over its end */
#define CLOSE(pointer, size) ASAN_POISON_MEMORY_REGION(pointer, size)
#define OPEN(pointer, size) ASAN_UNPOISON_MEMORY_REGION(pointer, size)
#else
#define GAP 0ul
#define CLOSE(pointer, size) ((void)0)
#define OPEN(pointer, size) ((void)0)
#endif

static struct { char *base; size_t used; } arena;

static void keep(void *pointer) { (void)pointer; }

void arena_open(void) {
  void *base = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  arena.base = base == MAP_FAILED ? NULL : base;
  arena.used = 0;
  if (arena.base) CLOSE(arena.base, ARENA_SIZE);
  json_set_alloc_funcs(arena_alloc, keep);
  json_object_seed(1); /* our input is our own: no need to ask the kernel for randomness */
}

void *arena_alloc(size_t size) {
  size_t room = ((size + 15) & ~15ul) + GAP;
  if (!arena.base || room < size || room > ARENA_SIZE - arena.used) return NULL;
  void *result = arena.base + arena.used;
  arena.used += room;
  OPEN(result, size);
  return result;
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
  if (arena.base) {
    madvise(arena.base, arena.used, MADV_DONTNEED);
    CLOSE(arena.base, arena.used);
  }
  arena.used = 0;
}
