#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena.h"
#include "console.h"
#include "file.h"
#include "inroot.h"
#include "mounts.h"
#include "process.h"
#include "scope.h"
#include "seccomp.h"

static int join(const char *path, int type, struct error *err) {
  fd_auto fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return error_errno(err, "open", path);
  return setns(fd, type) < 0 ? error_errno(err, "setns", path) : 0;
}

static int enter_namespaces(const struct config *config, const struct cgroup *cgroup, struct error *err) {
  char text[16];
  snprintf(text, sizeof text, "%d", config->process.oom_score_adj);
  if (config->process.has_oom && file_write_at(AT_FDCWD, "/proc/self/oom_score_adj", text) < 0) return error_errno(err, "write", "/proc/self/oom_score_adj");
  if (cgroup_join(cgroup, err) < 0) return -1;
  /* Only now, so that the cgroup namespace's root is the container's own cgroup. */
  if (config->namespaces & CLONE_NEWCGROUP && unshare(CLONE_NEWCGROUP) < 0) return error_errno(err, "unshare", "cgroup");
  if (config->joins[NS_NETWORK] && join(config->joins[NS_NETWORK], CLONE_NEWNET, err) < 0) return -1;
  if (config->joins[NS_IPC] && join(config->joins[NS_IPC], CLONE_NEWIPC, err) < 0) return -1;
  return config->joins[NS_UTS] ? join(config->joins[NS_UTS], CLONE_NEWUTS, err) : 0;
}

static int set_sysctls(const struct config *config, int root, struct error *err) {
  for (size_t i = 0; i < config->sysctl_count; i++) {
    char *path = arena_format("/proc/sys/%s", config->sysctls[i].name);
    if (!strchr(config->sysctls[i].name, '/')) for (char *at = path + strlen("/proc/sys/"); *at; at++) if (*at == '.') *at = '/';
    fd_auto fd = inroot_open(root, path, O_WRONLY);
    const char *value = config->sysctls[i].value;
    if (fd < 0 || write(fd, value, strlen(value)) < 0) return error_errno(err, "sysctl", config->sysctls[i].name);
  }
  return 0;
}

static int set_names(const struct config *config, struct error *err) {
  bool own = config->namespaces & CLONE_NEWUTS || config->joins[NS_UTS];
  if (config->hostname && *config->hostname) {
    if (!own) return error_text(err, "config.json: hostname: needs a uts namespace");
    if (sethostname(config->hostname, strlen(config->hostname)) < 0) return error_errno(err, "sethostname", config->hostname);
  }
  if (config->domainname && *config->domainname && own && setdomainname(config->domainname, strlen(config->domainname)) < 0)
    return error_errno(err, "setdomainname", config->domainname);
  return 0;
}

static int set_pipes(int root, const struct init_stdio *stdio, struct error *err) {
  fd_auto null = inroot_open(root, "/dev/null", O_RDONLY);
  if (null < 0) null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0) return error_errno(err, "open", "/dev/null");
  if (dup2(stdio->input < 0 ? null : stdio->input, 0) < 0 || dup2(stdio->output, 1) < 0 || dup2(stdio->errors, 2) < 0) return error_errno(err, "dup2", NULL);
  return 0;
}

static int set_terminal(const struct process_spec *process, int root, int console, struct error *err) {
  fd_auto slave = -1;
  fd_auto master = console_open(root, &slave, err);
  if (master < 0 || mounts_console(root, slave, err) < 0 || console_adopt(slave, err) < 0) return -1;
  if (process->columns && console_resize(master, process->columns, process->rows, err) < 0) return -1;
  return console_pass(console, master, err);
}

static int find_filter(const struct config *config, struct sock_fprog *filter, struct error *err) {
  filter->len = 0;
  if (config->seccomp_bpf) return seccomp_read(config->seccomp_bpf, filter, err);
  return config->seccomp ? seccomp_build(config->seccomp, filter, err) : 0;
}

static int make_ready(const struct config *config, const struct cgroup *cgroup, const struct init_stdio *stdio, struct sock_fprog *filter, struct error *err) {
  if (find_filter(config, filter, err) < 0 || enter_namespaces(config, cgroup, err) < 0) return -1;
  umask(0);
  fd_auto root = mounts_root(config, err);
  if (root < 0 || mounts_apply(config, root, cgroup, err) < 0 || set_sysctls(config, root, err) < 0) return -1;
  if (config->progress) snprintf(config->progress, PROGRESS_ROOM, "working folder %s", config->process.cwd);
  fd_auto cwd = inroot_make(root, config->process.cwd, false, 0755, err);
  if (cwd < 0) return -1;
  if (mounts_hide(config, root, err) < 0 || set_names(config, err) < 0) return -1;
  if ((config->process.terminal ? set_terminal(&config->process, root, stdio->console, err) : set_pipes(root, stdio, err)) < 0) return -1;
  return mounts_pivot(config, root, err);
}

void init_run(const struct config *config, const struct cgroup *cgroup, const struct init_stdio *stdio, int failure) {
  struct error err = {0};
  struct sock_fprog filter;
  setsid();
  prctl(PR_SET_DUMPABLE, 0); /* before execve nobody reads its /proc, in whose pid namespace it may be */
  if (make_ready(config, cgroup, stdio, &filter, &err) == 0) {
    file_close_others(&failure, 1);
    process_become(&config->process, filter.len ? &filter : NULL, failure, &err);
  }
  error_write(failure, &err);
  _exit(err.exit_code ? err.exit_code : 1);
}
