#include "seccomp_numbers.h"

#include <linux/audit.h>
#include <seccomp.h>
#include <string.h>

/* Calls that libseccomp 2.5 does not know yet. From 424 on all architectures share the numbers. */
static const struct { const char *name; int number; } newer[] = {
  {"set_mempolicy_home_node", 450}, {"cachestat", 451}, {"fchmodat2", 452}, {"map_shadow_stack", 453}, {"futex_wake", 454}, {"futex_wait", 455},
  {"futex_requeue", 456}, {"statmount", 457}, {"listmount", 458}, {"lsm_get_self_attr", 459}, {"lsm_set_self_attr", 460}, {"lsm_list_modules", 461},
  {"mseal", 462}, {"setxattrat", 463}, {"getxattrat", 464}, {"listxattrat", 465}, {"removexattrat", 466}, {"open_tree_attr", 467},
  {"file_getattr", 468}, {"file_setattr", 469},
};
/* On 32-bit x86 libseccomp answers a pseudo number for what once went through socketcall and ipc alone. */
static const struct { const char *name; int number; } x86_direct[] = {
  {"socket", 359}, {"socketpair", 360}, {"bind", 361}, {"connect", 362}, {"listen", 363}, {"accept4", 364}, {"getsockopt", 365}, {"setsockopt", 366},
  {"getsockname", 367}, {"getpeername", 368}, {"sendto", 369}, {"sendmsg", 370}, {"recvfrom", 371}, {"recvmsg", 372}, {"shutdown", 373},
  {"semget", 393}, {"semctl", 394}, {"shmget", 395}, {"shmctl", 396}, {"shmat", 397}, {"shmdt", 398}, {"msgget", 399}, {"msgsnd", 400},
  {"msgrcv", 401}, {"msgctl", 402},
};

const struct seccomp_architecture seccomp_architectures[SECCOMP_ARCHITECTURES] = {
  {"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64, false}, {"SCMP_ARCH_X86", SCMP_ARCH_X86, AUDIT_ARCH_I386, false},
  {"SCMP_ARCH_X32", SCMP_ARCH_X32, AUDIT_ARCH_X86_64, true}, {"SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64, false},
  {"SCMP_ARCH_ARM", SCMP_ARCH_ARM, AUDIT_ARCH_ARM, false},
};

long seccomp_number(const char *name, size_t index) {
  const struct seccomp_architecture *arch = &seccomp_architectures[index];
  int found = seccomp_syscall_resolve_name_arch(arch->token, name);
  if (found >= 0) return found;
  if (arch->token == SCMP_ARCH_X86)
    for (size_t i = 0; i < sizeof x86_direct / sizeof *x86_direct; i++) if (strcmp(name, x86_direct[i].name) == 0) return x86_direct[i].number;
  for (size_t i = 0; i < sizeof newer / sizeof *newer; i++)
    if (strcmp(name, newer[i].name) == 0) return (long)((uint32_t)newer[i].number | (arch->x32 ? SECCOMP_X32_BIT : 0));
  if (strcmp(name, "uretprobe") == 0 && arch->token == SCMP_ARCH_X86_64) return 335;
  return -1;
}
