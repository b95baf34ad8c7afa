#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arena.h"
#include "caps.h"
#include "label.h"
#include "memory_policy.h"
#include "notify.h"
#include "reaper.h"
#include "schedule.h"
#include "seccomp.h"
#include "user.h"

void process_reset_signals(void) {
  sigset_t none;
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

static const char *value_of(char **env, const char *name) {
  size_t length = strlen(name);
  for (; *env; env++) if (strncmp(*env, name, length) == 0 && (*env)[length] == '=') return *env + length + 1;
  return NULL;
}

/* One name has one value, the last. HOME is the user's own where the environment does not say, or says nothing; nobody outside the container knows it. */
static char **environment(char **env, const char *home) {
  size_t count = 0, kept = 0;
  while (env[count]) count++;
  char **result = arena_alloc((count + 2) * sizeof *result);
  if (!result) return env;
  for (size_t i = 0; i < count; i++) {
    size_t length = strcspn(env[i], "="), later = i + 1;
    while (env[later] && (strncmp(env[later], env[i], length) != 0 || env[later][length] != env[i][length])) later++;
    if (!env[later] && strcmp(env[i], "HOME=") != 0) result[kept++] = env[i];
  }
  result[kept] = NULL;
  if (!value_of(result, "HOME")) result[kept++] = arena_format("HOME=%s", home);
  result[kept] = NULL;
  return result;
}

int process_raise_limits(const struct process_spec *process, struct error *err) {
  for (size_t i = 0; i < process->limit_count; i++) {
    const struct limit *one = &process->limits[i];
    struct rlimit now;
    if (getrlimit(one->resource, &now) < 0) return error_errno(err, "getrlimit", one->name);
    if (one->value.rlim_max <= now.rlim_max) continue;
    now.rlim_max = one->value.rlim_max;
    if (setrlimit(one->resource, &now) < 0 && errno != EPERM) return error_errno(err, "setrlimit", one->name); /* EPERM: told where it is set */
  }
  return 0;
}

static int limit(const struct process_spec *process, struct error *err) {
  for (size_t i = 0; i < process->limit_count; i++) {
    const struct limit *one = &process->limits[i];
    if (setrlimit(one->resource, &one->value) == 0) continue;
    int saved = errno;
    error_errno(err, "setrlimit", one->name);
    snprintf(err->text, sizeof err->text, "%s cannot be set to %lld:%lld: %s", one->name, (long long)one->value.rlim_cur, (long long)one->value.rlim_max,
      saved == EPERM ? "the engine itself may not raise it above its own hard limit (CAP_SYS_RESOURCE, fs.nr_open)" : strerror(saved));
    return -1;
  }
  return 0;
}

/* A folder that can no longer be reached from the root would be a way out of the container. */
static int enter(const char *cwd, struct error *err) {
  char seen[4096];
  if (chdir(cwd) < 0) return error_errno(err, "chdir", cwd);
  if (syscall(SYS_getcwd, seen, sizeof seen) < 0) return error_errno(err, "getcwd", cwd);
  return seen[0] == '/' ? 0 : error_text(err, "working directory %s lies outside the container", cwd);
}

/* Until the filter is on; without no_new_privs the kernel asks for CAP_SYS_ADMIN. */
static uint64_t kept_for_filter(const struct process_spec *process, const struct prepared *prepared) {
  return prepared->filter && !process->no_new_privs ? 1ull << 21 : 0;
}

static int take_identity(const struct process_spec *process, struct prepared *prepared, struct error *err) {
  const struct identity *identity = prepared->identity;
  /* To setresuid(2) and setresgid(2) this number means that it stays what it is: root. */
  if (identity->uid == (uid_t)-1 || identity->gid == (gid_t)-1) return error_text(err, "process.user: 4294967295 is no user or group: the kernel takes it for none (0 to 4294967294 are)");
  uint64_t own = caps_own(), keep = kept_for_filter(process, prepared) & own; /* what the engine itself lacks, nobody can get from it */
  for (int set = 0; set < CAP_SETS; set++) prepared->caps[set] = process->has_caps ? process->caps[set] & own : 0;
  if (!process->has_caps && identity->uid == 0) prepared->caps[CAP_SET_EFFECTIVE] = prepared->caps[CAP_SET_PERMITTED] = own;
  if (process->has_caps && caps_bound(prepared->caps[CAP_SET_BOUNDING], err) < 0) return -1;
  if (setgroups(identity->gid_count, identity->gids) < 0) return error_errno(err, "setgroups", NULL);
  if (setresgid(identity->gid, identity->gid, identity->gid) < 0) return error_errno(err, "setresgid", errno == EINVAL ? "the group has no mapping in the user namespace" : NULL);
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) return error_errno(err, "prctl(PR_SET_KEEPCAPS)", NULL);
  if (setresuid(identity->uid, identity->uid, identity->uid) < 0) return error_errno(err, "setresuid", errno == EINVAL ? "the user has no mapping in the user namespace" : NULL);
  if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0) return error_errno(err, "prctl(PR_SET_KEEPCAPS)", NULL);
  if (process->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return error_errno(err, "prctl(PR_SET_NO_NEW_PRIVS)", NULL);
  return caps_set(prepared->caps[CAP_SET_EFFECTIVE] | keep, prepared->caps[CAP_SET_PERMITTED] | keep, prepared->caps[CAP_SET_INHERITABLE], err);
}

int process_drop(const struct process_spec *process, const struct prepared *prepared, struct error *err) {
  if (kept_for_filter(process, prepared)
      && caps_set(prepared->caps[CAP_SET_EFFECTIVE], prepared->caps[CAP_SET_PERMITTED], prepared->caps[CAP_SET_INHERITABLE], err) < 0) return -1;
  /* One that is not permitted and inheritable cannot be ambient (capabilities(7)): it is left out, as what cannot be granted is. */
  return caps_ambient(prepared->caps[CAP_SET_AMBIENT] & prepared->caps[CAP_SET_PERMITTED] & prepared->caps[CAP_SET_INHERITABLE], err);
}

static void not_run(struct error *err, int code, const char *path, const char *why) {
  int saved = errno;
  error_errno(err, "execve", path);
  err->errnum = saved;
  err->exit_code = code;
  snprintf(err->text, sizeof err->text, "exec %.200s: %s", path, why);
}

/* The first line of a script names its interpreter: that is what is missing where the script itself is there. */
static bool names_interpreter(const char *path, char *out, size_t size) {
  char line[256];
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  ssize_t n = fd >= 0 ? read(fd, line, sizeof line - 1) : -1;
  if (fd >= 0) close(fd);
  if (n < 3 || line[0] != '#' || line[1] != '!') return false;
  line[n] = 0;
  char *begin = line + 2 + strspn(line + 2, " \t");
  bool carriage = begin[strcspn(begin, " \t\n")] != 0 && begin[strcspn(begin, "\r\n")] == '\r';
  begin[strcspn(begin, " \t\r\n")] = 0;
  snprintf(out, size, "its interpreter %.150s is not in the container%s", begin, carriage ? " (its first line ends with a carriage return)" : "");
  return true;
}

/* Why `path` was not run, from errno. Returns whether a search may go on; false where this answer is final. */
static bool explain(const char *path, struct error *err) {
  struct stat stat_of;
  char text[320];
  int saved = errno;
  bool there = stat(path, &stat_of) == 0;
  errno = saved;
  if (there && S_ISDIR(stat_of.st_mode)) { errno = EISDIR; not_run(err, 126, path, "permission denied: it is a directory"); return true; }
  if (there && saved == ENOENT) {
    bool script = names_interpreter(path, text, sizeof text);
    errno = saved;
    not_run(err, 127, path, script ? text : "its interpreter (the dynamic loader it was linked for) is not in the container");
    return false;
  }
  if (saved == ENOENT || saved == ENOTDIR) { not_run(err, 127, path, "not found in the container: no such file or directory"); return true; /* words by which podman and containerd know it */ }
  if (saved == EACCES) { not_run(err, 126, path, "permission denied"); return true; }
  if (saved == ENOEXEC) { not_run(err, 126, path, "exec format error (another architecture, or a script without #!)"); return false; }
  not_run(err, 126, path, strerror(saved));
  return false;
}

/* One candidate. Returns where the search should go on; false where this answer is final. */
static bool try_run(const char *path, char **args, char **env, struct error *err) {
  execve(path, args, env);
  return explain(path, err);
}

/* Tries each candidate for the program until one answer is final. */
static void search(char **args, char **env, bool (*try)(const char *, char **, char **, struct error *), struct error *err) {
  if (strchr(args[0], '/')) { try(args[0], args, env, err); return; }
  const char *folders = value_of(env, "PATH");
  if (!folders) folders = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  struct error denied = {0};
  for (const char *at = folders; ; at++) {
    size_t length = strcspn(at, ":");
    char candidate[4096];
    if (*args[0] && snprintf(candidate, sizeof candidate, "%.*s%s%s", (int)length, at, length ? "/" : "./", args[0]) < (int)sizeof candidate) {
      if (!try(candidate, args, env, err)) return;
      if (err->exit_code == 126) denied = *err;
    }
    at += length;
    if (!*at) break;
  }
  if (denied.exit_code) { *err = denied; return; }
  errno = ENOENT;
  not_run(err, 127, args[0], "");
  snprintf(err->text, sizeof err->text, "exec %.120s: executable file not found in the container's PATH (%.320s)", *args[0] ? args[0] : "\"\"", folders);
}

int process_begin(const struct process_spec *process, unsigned preserve, struct prepared *prepared, struct error *err) {
  *prepared = (struct prepared){.attributes = -1, .preserve = preserve};
  if (!process->apparmor) return 0;
  prepared->attributes = label_open(process->apparmor, err);
  return prepared->attributes < 0 ? -1 : 0;
}

int process_prepare(const struct process_spec *process, const struct sock_fprog *filter, struct prepared *prepared, struct error *err) {
  prepared->filter = filter;
  prepared->identity = arena_alloc(sizeof *prepared->identity);
  if (!prepared->identity) return error_text(err, "out of memory");
  if (user_resolve(process, prepared->identity, err) < 0) return -1;
  prepared->env = environment(process->env, prepared->identity->home);
  /* /dev/stdout is opened anew by programs that log to it, under their own user. */
  for (int fd = 0; fd < 3; fd++) {
    struct stat stat;
    uid_t uid = prepared->identity->uid;
    if (uid && fstat(fd, &stat) == 0 && (S_ISFIFO(stat.st_mode) || isatty(fd)) && stat.st_uid != uid) (void)!fchown(fd, uid, (gid_t)-1);
  }
  if (limit(process, err) < 0 || schedule_apply(process, err) < 0 || memory_policy_set(&process->memory, err) < 0) return -1;
  prepared->inside = enter(process->cwd, err) == 0; /* a folder of the user's own may be closed to root on some file systems */
  if (!prepared->inside && err->errnum != EACCES) return -1;
  umask(process->umask);
  if (take_identity(process, prepared, err) < 0) return -1;
  return !prepared->inside && enter(process->cwd, err) < 0 ? -1 : 0;
}

void process_run(const struct process_spec *process, struct prepared *prepared, int about_to_run, struct error *err) {
  if (prepared->attributes >= 0 && label_set(prepared->attributes, process->apparmor, err) < 0) return;
  if (prepared->filter && (process->notify ? notify_apply(process->notify, prepared->filter, process->filter_flags, err) : seccomp_apply(prepared->filter, process->filter_flags, err)) < 0) return;
  if (process_drop(process, prepared, err) < 0) return;
  syscall(SYS_close_range, 3u + prepared->preserve, ~0u, CLOSE_RANGE_CLOEXEC);
  if (process->init && reaper_split(about_to_run, err) < 0) return;
  process_reset_signals();
  if (about_to_run >= 0) (void)!write(about_to_run, "\n", 1);
  search(process->args, prepared->env, try_run, err);
}

/* What execve would say, as far as that can be known without it. */
static bool try_access(const char *path, char **args, char **env, struct error *err) {
  (void)args; (void)env;
  if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0) {
    struct stat stat_of;
    if (stat(path, &stat_of) == 0 && !S_ISDIR(stat_of.st_mode)) { err->exit_code = 0; return false; }
    errno = EACCES;
  }
  return explain(path, err);
}

int process_check(const struct process_spec *process, const struct prepared *prepared, struct error *err) {
  struct error found = {.exit_code = 0};
  search(process->args, prepared->env, try_access, &found);
  if (!found.exit_code) return 0;
  *err = found;
  return -1;
}

void process_become(const struct process_spec *process, const struct sock_fprog *filter, struct prepared *prepared, int about_to_run, struct error *err) {
  if (process_prepare(process, filter, prepared, err) == 0) process_run(process, prepared, about_to_run, err);
}
