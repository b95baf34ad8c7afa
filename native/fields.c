#include "fields.h"

#include <string.h>

#include "arena.h"

static const char *type_name(const json_t *value) {
  switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER: case JSON_REAL: return "a number";
    case JSON_TRUE: case JSON_FALSE: return "a boolean";
    default: return "null";
  }
}

static int mismatch(const char *where, const char *key, const char *wanted, const json_t *value, struct error *err) {
  return error_text(err, "%s.%s: %s is wanted, not %s", where, key, wanted, type_name(value));
}

int fields_texts(json_t *array, const char *where, const char ***out, struct error *err) {
  size_t count = json_array_size(array);
  const char **list = arena_alloc((count + 1) * sizeof *list);
  if (!list) return error_text(err, "out of memory");
  for (size_t i = 0; i < count; i++) {
    json_t *value = json_array_get(array, i);
    if (!json_is_string(value)) return error_text(err, "%s: entry %zu: a string is wanted, not %s", where, i + 1, type_name(value));
    if (!(list[i] = json_string_value(value))) return error_text(err, "out of memory");
  }
  list[count] = NULL;
  *out = list;
  return 0;
}

static int integer_of(json_t *value, int64_t *out) {
  if (json_is_integer(value)) { *out = json_integer_value(value); return 0; }
  if (!json_is_real(value)) return -1;
  double real = json_real_value(value);
  if (real < -9.2e18 || real > 9.2e18 || real != (double)(int64_t)real) return -1;
  *out = (int64_t)real;
  return 0;
}

static int read_one(json_t *value, const char *where, const struct field *field, void *at, struct error *err) {
  int64_t number = 0;
  char place[256];
  switch (field->kind) {
    case FIELD_TEXT:
      if (!json_is_string(value)) return mismatch(where, field->key, "a string", value, err);
      *(const char **)at = json_string_value(value);
      return 0;
    case FIELD_INTEGER:
    case FIELD_UINT32:
      if (integer_of(value, &number) < 0) return mismatch(where, field->key, "a whole number", value, err);
      if (field->kind == FIELD_INTEGER) { *(int64_t *)at = number; return 0; }
      if (number < 0 || number > UINT32_MAX) return error_text(err, "%s.%s: %lld does not fit (0 to 4294967295)", where, field->key, (long long)number);
      *(uint32_t *)at = (uint32_t)number;
      return 0;
    case FIELD_BOOL:
      if (!json_is_boolean(value)) return mismatch(where, field->key, "true or false", value, err);
      *(bool *)at = json_is_true(value);
      return 0;
    case FIELD_TEXTS:
      if (!json_is_array(value)) return mismatch(where, field->key, "an array of strings", value, err);
      snprintf(place, sizeof place, "%s.%s", where, field->key);
      return fields_texts(value, place, at, err);
    case FIELD_OBJECT:
      if (!json_is_object(value)) return mismatch(where, field->key, "an object", value, err);
      *(json_t **)at = value;
      return 0;
    default:
      if (!json_is_array(value)) return mismatch(where, field->key, "an array", value, err);
      *(json_t **)at = value;
      return 0;
  }
}

int fields_read(json_t *object, const char *where, const struct field *fields, void *out, struct error *err) {
  if (!object) return 0;
  for (; fields->key; fields++) {
    json_t *value = json_object_get(object, fields->key);
    if (!value || json_is_null(value)) continue;
    if (read_one(value, where, fields, (char *)out + fields->offset, err) < 0) return -1;
  }
  return 0;
}

int fields_list(json_t *array, const char *where, const struct field *fields, size_t size, const void *initial, void *out, size_t *count, struct error *err) {
  size_t entries = json_array_size(array);
  char *list = arena_alloc(entries * size + 1), place[256];
  if (!list) return error_text(err, "out of memory");
  for (size_t i = 0; i < entries; i++) {
    json_t *entry = json_array_get(array, i);
    if (initial) memcpy(list + i * size, initial, size);
    else memset(list + i * size, 0, size);
    if (!json_is_object(entry)) return error_text(err, "%s: entry %zu: an object is wanted, not %s", where, i + 1, type_name(entry));
    snprintf(place, sizeof place, "%s[%zu]", where, i);
    if (fields_read(entry, place, fields, list + i * size, err) < 0) return -1;
  }
  *(void **)out = list;
  *count = entries;
  return 0;
}
