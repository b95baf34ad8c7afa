#include "over_proc.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "inroot.h"
#include "proc_root.h"

/* As in runc's rootfs_linux.go, checkProcMount. */
static const char *const ALLOWED[] = {
  "/cpuinfo", "/diskstats", "/meminfo", "/stat", "/swaps", "/uptime", "/loadavg", "/slabinfo", "/net/dev", "/sys/kernel/ns_last_pid", "/sys/crypto/fips_enabled",
};

static int name_of(int fd, char *name, size_t size, struct error *err) {
  char link[32];
  ssize_t n = readlink(inroot_name(fd, link), name, size - 1);
  if (n < 0) return error_errno(err, "readlink", link);
  name[n] = 0;
  return 0;
}

static bool is_whole_proc(const struct mount_spec *mount, int tree) {
  return !mount->bind || tree < 0 ? strcmp(mount->type, "proc") == 0 : proc_root_is(tree);
}

/* The kernel's own name of what is mounted on counts, whatever links led there. */
int over_proc_allowed(const struct mount_spec *mount, int tree, int root, int target, struct error *err) {
  char top[4096], at[4096];
  if (name_of(target, at, sizeof at, err) < 0) return -1;
  if (!strstr(at, "/proc")) return 0;
  if (name_of(root, top, sizeof top, err) < 0) return -1;
  size_t above = strcmp(top, "/") == 0 ? 0 : strlen(top);
  if (strncmp(at, top, above) != 0 || strncmp(at + above, "/proc", 5) != 0 || (at[above + 5] && at[above + 5] != '/')) return 0;
  const char *below = at + above + 5;
  if (!*below) return is_whole_proc(mount, tree) ? 0 : error_text(err, "mount on %s: \"/proc\" cannot be mounted on because it is not of type proc", mount->target);
  for (size_t i = 0; i < sizeof ALLOWED / sizeof *ALLOWED; i++) if (strcmp(below, ALLOWED[i]) == 0) return 0;
  return error_text(err, "mount on %s: \"/proc%s\" cannot be mounted on because it is inside /proc", mount->target, below);
}
