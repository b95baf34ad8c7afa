#include "json_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena.h"
#include "scope.h"

#define LARGEST (4 << 20) /* the arena holds what it grows into */

static size_t digits_at(const char *at, const char *end) {
  size_t count = 0;
  while (at + count < end && at[count] >= '0' && at[count] <= '9') count++;
  return count;
}

/* The length of the string literal at `at`, quotes included. */
static size_t string_at(const char *at, const char *end) {
  const char *begin = at++;
  while (at < end && *at != '"') at += *at == '\\' && at + 1 < end ? 2 : 1;
  return (size_t)(at < end ? at + 1 - begin : end - begin);
}

/* A copy in which numbers beyond int64_t are written as the negative ones with the same bits: one byte more each at most. */
static char *fold_large_numbers(const char *from, size_t length, size_t *folded) {
  char *copy = arena_alloc(length + length / 19 + 32), *to = copy;
  const char *end = from + length;
  if (!copy) return NULL;
  while (from < end) {
    size_t run = *from == '"' ? string_at(from, end) : digits_at(from, end);
    bool whole = *from != '"' && (run == 19 || run == 20) && (from + run == end || !strchr(".eE", from[run])) && (to == copy || !strchr("-.+eE", to[-1]));
    if (whole) {
      char number[24];
      snprintf(number, sizeof number, "%.*s", (int)run, from);
      errno = 0;
      uint64_t value = strtoull(number, NULL, 10);
      if (errno == 0 && value > INT64_MAX) { to += sprintf(to, "%" PRId64, (int64_t)value); from += run; continue; }
    }
    if (run == 0) run = 1;
    memcpy(to, from, run);
    to += run;
    from += run;
  }
  *folded = (size_t)(to - copy);
  return copy;
}

json_t *json_file_parse(const char *bytes, size_t length, const char *name, struct error *err) {
  json_error_t where = {0};
  size_t folded;
  char *text = fold_large_numbers(bytes, length, &folded);
  if (!text) { error_text(err, "%s: out of memory", name); return NULL; }
  json_t *root = json_loadb(text, folded, JSON_REJECT_DUPLICATES, &where);
  if (root && !json_is_object(root)) { error_text(err, "%s: an object is wanted at its top", name); return NULL; }
  if (!root && json_error_code(&where) == json_error_out_of_memory) error_text(err, "%s: too large to be read", name);
  else if (!root) error_text(err, "%s: line %d, column %d: %s", name, where.line, where.column, where.text);
  return root;
}

json_t *json_file_read(const char *path, struct error *err) {
  char *bytes;
  size_t length;
  return json_file_keep(path, &bytes, &length, err);
}

json_t *json_file_keep(const char *path, char **bytes, size_t *length, struct error *err) {
  fd_auto fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat stat;
  if (fd < 0 || fstat(fd, &stat) < 0) { error_errno(err, "open", path); return NULL; }
  if (S_ISDIR(stat.st_mode)) { error_text(err, "%s: is a folder", path); return NULL; }
  if (stat.st_size > LARGEST) { error_text(err, "%s: %lld bytes are too many (at most %d)", path, (long long)stat.st_size, LARGEST); return NULL; }
  size_t room = S_ISREG(stat.st_mode) ? (size_t)stat.st_size + 1 : LARGEST, used = 0; /* a pipe, as <(…) of a shell */
  if (!S_ISREG(stat.st_mode)) fcntl(fd, F_SETFL, 0);
  char *text = arena_alloc(room);
  if (!text) { error_text(err, "%s: out of memory", path); return NULL; }
  for (ssize_t n; used < room; used += (size_t)n) {
    n = read(fd, text + used, room - used);
    if (n < 0 && errno == EINTR) { n = 0; continue; }
    if (n < 0) { error_errno(err, "read", path); return NULL; }
    if (n == 0) break;
  }
  if (used == 0) { error_text(err, "%s: is empty", path); return NULL; }
  *bytes = text;
  *length = used;
  return json_file_parse(text, used, path, err);
}
