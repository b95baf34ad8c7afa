/* A bundle's config.json, as it is read before anything is done, its seccomp profile compiled. */
#include <stdbool.h>
#include <string.h>

#include "arena.h"
#include "config.h"
#include "json_file.h"
#include "seccomp.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length) {
  struct error err;
  struct config config;
  struct process_spec process;
  struct sock_fprog program;
  static bool open;
  if (!open) arena_open();
  open = true;
  json_t *top = json_file_parse((const char *)bytes, length, "config.json", &err);
  if (top && config_from(top, "/bundle", &config, &err) == 0 && config.seccomp) seccomp_build(config.seccomp, &program, &err);
  if (top) config_process(top, json_object_get(top, "annotations"), &process, &err);
  if (top) seccomp_build(top, &program, &err);
  arena_reset();
  return 0;
}
