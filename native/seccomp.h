#pragma once
#include <jansson.h>
#include <linux/filter.h>
#include "error.h"
#include "config.h"

/* `linux.seccomp` of the OCI runtime specification as a BPF program: one binary search over the system call's number for each
   architecture, so that neither the kernel's verdict cache nor a call has to walk a list. Calls newer than all that the profile names
   answer ENOSYS, as programs expect of an older kernel. The program lies in the arena. */
int seccomp_build(json_t *profile, struct sock_fprog *program, struct error *err);
#define SECCOMP_NOTIFY "SCMP_ACT_NOTIFY"
/* Whether `key` of a profile or of one of its rules is this action, and whether any is the one that needs a listener. */
bool seccomp_is_action(json_t *object, const char *key, const char *action);
bool seccomp_notifies(json_t *profile);
/* Reads a program that `bayplan-core seccomp` wrote. */
int seccomp_read(const char *path, struct sock_fprog *program, struct error *err);
/* Puts it on the calling process; `flags` of seccomp(2) beside the usual one. Without a listener (notify.h), what the program would put to it answers ENOSYS. */
int seccomp_apply(const struct sock_fprog *program, unsigned flags, struct error *err);
/* The program that a container's configuration asks for: compiled already, or to be compiled; of length 0 where it asks for none. */
int seccomp_find(const struct config *config, struct sock_fprog *program, struct error *err);
