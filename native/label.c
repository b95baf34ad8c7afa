#include "label.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "file.h"

int label_open(const char *profile, struct error *err) {
  char enabled[8];
  if (file_read_at(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", enabled, sizeof enabled) <= 0 || enabled[0] != 'Y')
    return error_text(err, "the AppArmor profile %s cannot be applied: this kernel has no AppArmor, or it is not enabled", profile);
  int attributes = open("/proc/self/attr", O_PATH | O_DIRECTORY | O_CLOEXEC);
  return attributes < 0 ? error_errno(err, "open", "/proc/self/attr") : attributes;
}

int label_set(int attributes, const char *profile, struct error *err) {
  char text[512];
  snprintf(text, sizeof text, "exec %s", profile);
  if (file_write_at(attributes, "apparmor/exec", text) == 0 || (errno == ENOENT && file_write_at(attributes, "exec", text) == 0)) return 0;
  if (errno != ENOENT) return error_errno(err, "apparmor", profile);
  return error_text(err, "the AppArmor profile %s is not loaded", profile);
}
