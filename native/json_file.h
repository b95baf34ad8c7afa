#pragma once
#include <jansson.h>
#include "error.h"

/* The JSON object in a file, in the arena; NULL with `err`. Keys that stand twice in one object are refused. Whole numbers from 2^63 to 2^64-1, which
   jansson does not read, become the negative ones with the same bits: RLIM_INFINITY is -1. */
json_t *json_file_read(const char *path, struct error *err);
/* The same from `length` bytes; `name` is what errors call them. */
json_t *json_file_parse(const char *bytes, size_t length, const char *name, struct error *err);
/* json_file_read, and the bytes it was read from. */
json_t *json_file_keep(const char *path, char **bytes, size_t *length, struct error *err);
