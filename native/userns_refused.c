#include "userns_refused.h"

#include <errno.h>
#include <stdio.h>

int userns_refused(struct error *err) {
  int saved = errno;
  error_errno(err, "clone3", "a user namespace");
  const char *why = saved == EINVAL ? "this kernel has none" : saved == ENOSPC || saved == EUSERS ? "user.max_user_namespaces, or how deep they may be nested, is reached" : NULL;
  if (why) snprintf(err->text, sizeof err->text, "no user namespace can be made: %s", why);
  return -1;
}
