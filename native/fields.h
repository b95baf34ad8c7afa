#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "error.h"

/* A strict look at JSON objects: what each of our own structs takes from one stands in a table. Keys that no table names are passed over, as the
   specification asks; a value of another type is an error that names its place. */

enum field_kind {
  FIELD_TEXT,     /* const char *, no NUL in it */
  FIELD_INTEGER,  /* int64_t; what passes beyond it up to 2^64-1 comes as the negative number with the same bits (json_file.h) */
  FIELD_UINT32,   /* uint32_t */
  FIELD_BOOL,     /* bool */
  FIELD_TEXTS,    /* const char **, NULL-terminated; an absent one stays as it was */
  FIELD_OBJECT,   /* json_t * */
  FIELD_ARRAY,    /* json_t * */
};
struct field { const char *key; enum field_kind kind; size_t offset; };

/* Fills `out` from `object`; what is absent or null stays untouched. An absent `object` is empty. `where` names it in errors. `fields` ends with a NULL key. */
int fields_read(json_t *object, const char *where, const struct field *fields, void *out, struct error *err);
/* Strings of an array, NULL-terminated, in the arena. An absent array is empty. */
int fields_texts(json_t *array, const char *where, const char ***out, struct error *err);
/* The entries of an array, each an object, read by one table into a new array of `size` bytes an entry (zeroed first, then like `initial` where that is not NULL). */
int fields_list(json_t *array, const char *where, const struct field *fields, size_t size, const void *initial, void *out, size_t *count, struct error *err);
