#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

int error_read(const char *line, struct error *err) {
  json_t *object = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);
  const char *text = json_string_value(json_object_get(object, "error")), *syscall = json_string_value(json_object_get(object, "syscall"));
  const char *path = json_string_value(json_object_get(object, "path"));
  if (!text) return error_text(err, "%s", line);
  memset(err, 0, sizeof *err);
  snprintf(err->text, sizeof err->text, "%s", text);
  snprintf(err->syscall, sizeof err->syscall, "%s", syscall ? syscall : "");
  snprintf(err->path, sizeof err->path, "%s", path ? path : "");
  err->errnum = (int)json_integer_value(json_object_get(object, "errno"));
  err->exit_code = (int)json_integer_value(json_object_get(object, "exitCode"));
  return -1;
}
