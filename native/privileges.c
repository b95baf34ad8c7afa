#include "privileges.h"

#include <grp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "caps.h"

#define NOBODY 65534

int privileges_drop(struct error *err) {
  if (caps_bound(0, err) < 0) return -1;
  if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0) return error_errno(err, "setresuid", "nobody");
  if (caps_set(0, 0, 0, err) < 0) return -1;
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? error_errno(err, "prctl(PR_SET_NO_NEW_PRIVS)", NULL) : 0;
}
