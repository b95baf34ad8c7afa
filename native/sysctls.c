#include "sysctls.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arena.h"
#include "inroot.h"
#include "mapping.h"
#include "proc_root.h"
#include "scope.h"

/* Those of the whole machine are nobody's to change from inside. */
static int check_sysctl(const struct config *config, const char *given, const char *value, const char *name, enum namespace_kind *kind, struct error *err) {
  static const struct { const char *prefix; enum namespace_kind kind; } owned[] = {
    {"kernel/msg", NS_IPC}, {"kernel/sem", NS_IPC}, {"kernel/shm", NS_IPC}, {"fs/mqueue/", NS_IPC}, {"net/", NS_NETWORK}, {"kernel/domainname", NS_UTS}, {"kernel/hostname", NS_UTS},
  };
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) {
    if (strncmp(name, owned[i].prefix, strlen(owned[i].prefix)) != 0) continue;
    *kind = owned[i].kind;
    const char *own = strcmp(name, "kernel/hostname") == 0 ? config->hostname : strcmp(name, "kernel/domainname") == 0 ? config->domainname : NULL;
    if (own && strcmp(own, value) != 0)
      return error_text(err, "sysctl %s: config.json has a %s of its own, which one is meant?", given, name + strlen("kernel/"));
    if (config->namespaces & namespaces[*kind].flag || config->joins[*kind]) return 0;
    return error_text(err, "sysctl %s: the container has no %s namespace of its own, so it would change the host's", given, namespaces[owned[i].kind].type);
  }
  *kind = NS_USER;
  if (strncmp(name, "user/", 5) == 0 && config_has_users(config)) return 0;
  return error_text(err, "sysctl %s: belongs to no namespace, so it would change the host's", given);
}

/* /proc as the container sees it, which must be the root of a procfs. */
static int open_proc(int root, struct error *err) {
  fd_auto proc = inroot_open_plain(root, "/proc", O_PATH | O_DIRECTORY);
  if (proc < 0) return error_errno(err, "open", "/proc");
  return proc_root_is(proc) ? fd_steal(&proc) : error_text(err, "sysctls cannot be set: the container's /proc is no procfs");
}

struct setting { const char *given, *path, *value; enum namespace_kind kind; };

/* The setting's file below /proc, and whose it is. `net.ipv4.conf.eth0/100.forwarding` is as good as with the two exchanged: the first separator tells. */
static int find(const struct config *config, const struct pair *sysctl, struct setting *setting, struct error *err) {
  char *path = arena_format("sys/%s", sysctl->name), *name = path ? path + strlen("sys/") : NULL;
  if (!name) return error_text(err, "out of memory");
  bool dots = name[strcspn(name, "./")] == '.';
  for (char *at = name; dots && *at; at++) *at = *at == '.' ? '/' : *at == '/' ? '.' : *at;
  *setting = (struct setting){.given = sysctl->name, .path = path, .value = sysctl->value};
  return check_sysctl(config, sysctl->name, sysctl->value, name, &setting->kind, err);
}

static int set(int proc, const struct setting *setting, struct error *err) {
  fd_auto fd = inroot_open_here(proc, setting->path, O_WRONLY);
  return fd < 0 || write(fd, setting->value, strlen(setting->value)) < 0 ? error_errno(err, "sysctl", setting->given) : 0;
}

int sysctls_set(const struct config *config, int root, struct error *err) {
  if (!config->sysctl_count) return 0;
  fd_auto proc = open_proc(root, err);
  if (proc < 0) return -1;
  for (size_t i = 0; i < config->sysctl_count; i++) {
    struct setting setting;
    if (find(config, &config->sysctls[i], &setting, err) < 0 || set(proc, &setting, err) < 0) return -1;
  }
  return 0;
}

/* Some settings are the container's root's alone, as of Linux 6.11 those of ipc; others the host's. */
static int set_as_either(const struct config *config, int proc, const struct setting *setting, struct error *err) {
  struct error first = {0};
  uint32_t root;
  if (set(proc, setting, &first) == 0) return 0;
  if (first.errnum == EACCES && mapping_outside(config->mappings.uids, config->mappings.uid_count, 0, &root) && seteuid(root) == 0) {
    int rc = set(proc, setting, err);
    if (seteuid(0) < 0) return error_errno(err, "seteuid", NULL);
    return rc;
  }
  *err = first;
  if (first.errnum == ENOENT) snprintf(err->text, sizeof err->text, "sysctl %s: this kernel does not have it, or not for containers with users of their own", setting->given); /* Linux 6.1 shows net.core to networks of the host's users alone */
  return -1;
}

/* The namespace of a setting is that of the process which opens its file. */
static int set_there(const struct config *config, int process, struct error *err) {
  fd_auto proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (proc < 0) return error_errno(err, "open", "/proc");
  for (size_t i = 0; i < config->sysctl_count; i++) {
    struct setting setting;
    if (find(config, &config->sysctls[i], &setting, err) < 0) return -1;
    if (setns(process, (int)namespaces[setting.kind].flag) < 0) return error_errno(err, "setns", setting.given);
    if (set_as_either(config, proc, &setting, err) < 0) return -1;
  }
  return 0;
}

int sysctls_set_of(const struct config *config, int process, struct error *err) {
  char line[2048];
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return error_errno(err, "pipe2", NULL);
  pid_t pid = fork();
  if (pid == 0) {
    struct error failed = {0};
    if (set_there(config, process, &failed) < 0) error_write(ends[1], &failed);
    _exit(0);
  }
  close(ends[1]);
  ssize_t n = pid < 0 ? -1 : read(ends[0], line, sizeof line - 1);
  close(ends[0]);
  if (pid < 0) return error_errno(err, "fork", "sysctls");
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
  if (n <= 0) return 0;
  line[n] = 0;
  return error_read(line, err);
}
