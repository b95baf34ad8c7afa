#include "keyring.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

int keyring_leave(struct error *err) {
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) >= 0) return 0;
  return errno == ENOSYS || errno == EDQUOT || errno == EPERM ? 0 : error_errno(err, "keyctl", "a session keyring");
}
