#include "caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const names[] = {
  "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE",
  "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN",
  "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE",
  "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
};
#define COUNT ((int)(sizeof names / sizeof *names))

int caps_number(const char *name) {
  if (!name || strncmp(name, "CAP_", 4) != 0) return -1;
  for (int i = 0; i < COUNT; i++) if (strcmp(name + 4, names[i]) == 0) return i;
  return -1;
}

const char *caps_name(int number) { return number >= 0 && number < COUNT ? names[number] : 0; }

uint64_t caps_own(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2] = {0};
  syscall(SYS_capget, &header, data);
  return (uint64_t)data[1].permitted << 32 | data[0].permitted;
}

int caps_bound(uint64_t bounding, struct error *err) {
  for (int i = 0; i < 64; i++) {
    if (bounding >> i & 1) continue;
    if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0) {
      if (errno == EINVAL) break; /* past the last one this kernel has */
      return error_errno(err, "prctl(PR_CAPBSET_DROP)", i < COUNT ? names[i] : NULL);
    }
  }
  return 0;
}

int caps_set(uint64_t effective, uint64_t permitted, uint64_t inheritable, struct error *err) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2] = {
    {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
    {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)},
  };
  return syscall(SYS_capset, &header, data) < 0 ? error_errno(err, "capset", NULL) : 0;
}

int caps_ambient(uint64_t ambient, struct error *err) {
  for (int i = 0; i < COUNT; i++)
    if (ambient >> i & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0) return error_errno(err, "prctl(PR_CAP_AMBIENT_RAISE)", names[i]);
  return 0;
}
