#include "config.h"
#include "fields.h"

int config_hooks(json_t *object, struct config *config, struct error *err) {
  static const struct field fields[] = {
    {"path", FIELD_TEXT, offsetof(struct hook, path)}, {"args", FIELD_TEXTS, offsetof(struct hook, args)}, {"env", FIELD_TEXTS, offsetof(struct hook, env)},
    {"timeout", FIELD_INTEGER, offsetof(struct hook, timeout)}, {0},
  };
  static const char *const names[HOOK_KINDS] = {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"};
  for (int kind = 0; kind < HOOK_KINDS; kind++) {
    char where[64];
    json_t *array = NULL;
    struct hooks *hooks = &config->hooks[kind];
    const struct field one[] = {{names[kind], FIELD_ARRAY, 0}, {0}};
    snprintf(where, sizeof where, "config.json: hooks.%s", names[kind]);
    if (fields_read(object, "config.json: hooks", one, &array, err) < 0) return -1;
    if (fields_list(array, where, fields, sizeof *hooks->list, NULL, &hooks->list, &hooks->count, err) < 0) return -1;
    for (size_t i = 0; i < hooks->count; i++) {
      if (!hooks->list[i].path || *hooks->list[i].path != '/') return error_text(err, "%s[%zu].path: an absolute path is wanted", where, i);
      if (hooks->list[i].timeout < 0) return error_text(err, "%s[%zu].timeout: more than 0 seconds are wanted", where, i);
    }
  }
  return 0;
}
