#include "sysctls.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "arena.h"
#include "inroot.h"
#include "scope.h"

#define PROC_ROOT_INODE 1

/* Those of the whole machine are nobody's to change from inside. */
static int check_sysctl(const struct config *config, const char *given, const char *name, struct error *err) {
  static const struct { const char *prefix; enum namespace_kind kind; } owned[] = {
    {"kernel/msg", NS_IPC}, {"kernel/sem", NS_IPC}, {"kernel/shm", NS_IPC}, {"fs/mqueue/", NS_IPC}, {"net/", NS_NETWORK}, {"kernel/domainname", NS_UTS}, {"kernel/hostname", NS_UTS},
  };
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) {
    if (strncmp(name, owned[i].prefix, strlen(owned[i].prefix)) != 0) continue;
    if (config->namespaces & namespaces[owned[i].kind].flag || config->joins[owned[i].kind]) return 0;
    return error_text(err, "sysctl %s: the container has no %s namespace of its own, so it would change the host's", given, namespaces[owned[i].kind].type);
  }
  if (strncmp(name, "user/", 5) == 0 && config->namespaces & CLONE_NEWUSER) return 0;
  return error_text(err, "sysctl %s: belongs to no namespace, so it would change the host's", given);
}

/* /proc as the container sees it, which must be the root of a procfs. */
static int open_proc(int root, struct error *err) {
  struct stat stat;
  struct statfs file_system;
  fd_auto proc = inroot_open_plain(root, "/proc", O_PATH | O_DIRECTORY);
  if (proc < 0 || fstat(proc, &stat) < 0 || fstatfs(proc, &file_system) < 0) return error_errno(err, "open", "/proc");
  return file_system.f_type == PROC_SUPER_MAGIC && stat.st_ino == PROC_ROOT_INODE ? fd_steal(&proc) : error_text(err, "sysctls cannot be set: the container's /proc is no procfs");
}

int sysctls_set(const struct config *config, int root, struct error *err) {
  if (!config->sysctl_count) return 0;
  fd_auto proc = open_proc(root, err);
  if (proc < 0) return -1;
  for (size_t i = 0; i < config->sysctl_count; i++) {
    char *path = arena_format("sys/%s", config->sysctls[i].name), *name = path ? path + strlen("sys/") : NULL;
    if (!name) return error_text(err, "out of memory");
    /* `net.ipv4.conf.eth0/100.forwarding` is as good as with the two exchanged: the first separator tells. */
    bool dots = name[strcspn(name, "./")] == '.';
    for (char *at = name; dots && *at; at++) *at = *at == '.' ? '/' : *at == '/' ? '.' : *at;
    if (check_sysctl(config, config->sysctls[i].name, name, err) < 0) return -1;
    fd_auto fd = inroot_open_here(proc, path, O_WRONLY);
    const char *value = config->sysctls[i].value;
    if (fd < 0 || write(fd, value, strlen(value)) < 0) return error_errno(err, "sysctl", config->sysctls[i].name);
  }
  return 0;
}
