#include <stdio.h>
#include <string.h>

#include "core.h"
#include "oci.h"

static const struct { const char *name; int (*run)(int, char **); } commands[] = {
  {"shim", cmd_shim}, {"enter", cmd_enter}, {"remove-cgroup", cmd_remove_cgroup}, {"limit", cmd_limit}, {"seccomp", cmd_seccomp}, {"unpack", cmd_unpack}, {"copy-up", cmd_copy_up},
  {"mount", cmd_mount}, {"umount", cmd_umount}, {"make-source", cmd_make_source}, {"archive", cmd_archive}, {"changes", cmd_changes}, {"pin", cmd_pin}, {"users", cmd_users}, {"shift", cmd_shift}, {"subvolume", cmd_subvolume}, {"probe-overlay", cmd_probe_overlay},
  {"runtime-exec", cmd_runtime_exec}, {"identity", cmd_identity}, {"init", cmd_init},
  {"carry", cmd_carry}, {"replace-content", cmd_replace_content}, {"nursery", cmd_nursery},
};

int core_command(int argc, char **argv) {
  for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
    if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1);
  return -1;
}

int main(int argc, char **argv) {
  int status = core_command(argc, argv);
  return status < 0 ? oci_main(argc, argv) : status;
}
