#include <errno.h>
#include <getopt.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <fcntl.h>

#include "caps.h"
#include "file.h"
#include "memory_policy.h"
#include "namespaces.h"
#include "oci.h"
#include "seccomp_numbers.h"

/* features.md of the runtime specification: what this build can do, and of what depends on the kernel whether this one can. */

static json_t *list(const char *const *names) {
  json_t *array = json_array();
  for (; *names; names++) json_array_append_new(array, json_string(*names));
  return array;
}

static json_t *capabilities(void) {
  json_t *array = json_array();
  char text[16];
  long last = file_read_at(AT_FDCWD, "/proc/sys/kernel/cap_last_cap", text, sizeof text) > 0 ? atol(text) : 40;
  for (int i = 0; i <= last && caps_name(i); i++) {
    char name[64];
    snprintf(name, sizeof name, "CAP_%s", caps_name(i));
    json_array_append_new(array, json_string(name));
  }
  return array;
}

static json_t *namespace_names(void) {
  json_t *array = json_array();
  for (int kind = 0; kind < NAMESPACE_KINDS; kind++) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/ns/%s", namespaces[kind].file);
    if (access(path, F_OK) == 0) json_array_append_new(array, json_string(namespaces[kind].type));
  }
  return array;
}

static bool has_apparmor(void) {
  char text[8];
  return file_read_at(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", text, sizeof text) > 0 && text[0] == 'Y';
}

/* By what the kernel says of a nonsensical call: ENOSYS is no, anything else is yes. */
static bool has_mount_setattr(void) { return syscall(SYS_mount_setattr, -1, NULL, 0, NULL, 0) < 0 && errno != ENOSYS; }

static json_t *features(void) {
  static const char *const hooks[] = {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop", NULL};
  static const char *const actions[] = {"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP", NULL};
  static const char *const operators[] = {"SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE", NULL};
  static const char *const flags[] = {"SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", NULL};
  json_t *mounts = json_array(), *architectures = json_array();
  for (size_t i = 0; config_mount_option_name(i); i++) json_array_append_new(mounts, json_string(config_mount_option_name(i)));
  for (size_t i = 0; i < SECCOMP_ARCHITECTURES; i++) json_array_append_new(architectures, json_string(seccomp_architectures[i].name));
  bool idmap = has_mount_setattr() && access("/proc/self/ns/user", F_OK) == 0;
  json_t *linux_part = json_pack("{s:o, s:o, s:{s:b, s:b, s:b, s:b, s:b}, s:{s:b, s:o, s:o, s:o, s:o, s:o}, s:{s:b}, s:{s:b}, s:{s:b}, s:{s:{s:b}}, s:{s:b}, s:o}",
    "namespaces", namespace_names(), "capabilities", capabilities(),
    "cgroup", "v1", 1, "v2", 1, "systemd", 0, "systemdUser", 0, "rdma", 0,
    "seccomp", "enabled", 1, "actions", list(actions), "operators", list(operators), "archs", architectures, "knownFlags", list(flags), "supportedFlags", list(flags),
    "apparmor", "enabled", has_apparmor(), "selinux", "enabled", 0, "intelRdt", "enabled", 0, "mountExtensions", "idmap", "enabled", idmap,
    "netDevices", "enabled", 0, "memoryPolicy", memory_policy_features());
  return json_pack("{s:s, s:s, s:o, s:o, s:o, s:{s:s}, s:[s,s,s]}", "ociVersionMin", "1.0.0", "ociVersionMax", "1.2.0", "hooks", list(hooks), "mountOptions", mounts, "linux", linux_part,
    "annotations", "io.bayplan.features.version", "1", "potentiallyUnsafeConfigAnnotations", "io.bayplan.overlay", "io.bayplan.overlay.cwd", "io.bayplan.seccomp.bpf");
}

int oci_features(int argc, char **argv) {
  while (getopt_long(argc, argv, "", (const struct option[]){{0}}, NULL) != -1) return oci_usage("features");
  if (optind != argc) return oci_usage("features");
  puts(json_dumps(features(), JSON_INDENT(2)));
  return 0;
}
