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
#include "reaper.h"
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

/* HOME is the user's own where the environment does not say; nobody outside the container knows it. */
static char **with_home(char **env, const char *home) {
  size_t count = 0;
  if (value_of(env, "HOME")) return env;
  while (env[count]) count++;
  char **result = arena_alloc((count + 2) * sizeof *result);
  if (!result) return env;
  memcpy(result, env, count * sizeof *result);
  result[count] = arena_format("HOME=%s", home);
  result[count + 1] = NULL;
  return result;
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

static int take_identity(const struct process_spec *process, const struct identity *identity, const struct sock_fprog *filter, struct error *err) {
  uint64_t keep = filter && !process->no_new_privs ? 1ull << 21 : 0; /* CAP_SYS_ADMIN until the filter is on */
  uint64_t caps[CAP_SETS], own = caps_own(); /* what the engine itself lacks, nobody can get from it */
  for (int set = 0; set < CAP_SETS; set++) caps[set] = process->caps[set] & own;
  if (process->has_caps && caps_bound(caps[CAP_SET_BOUNDING], err) < 0) return -1;
  if (setgroups(identity->gid_count, identity->gids) < 0) return error_errno(err, "setgroups", NULL);
  if (setresgid(identity->gid, identity->gid, identity->gid) < 0) return error_errno(err, "setresgid", NULL);
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) return error_errno(err, "prctl(PR_SET_KEEPCAPS)", NULL);
  if (setresuid(identity->uid, identity->uid, identity->uid) < 0) return error_errno(err, "setresuid", NULL);
  if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0) return error_errno(err, "prctl(PR_SET_KEEPCAPS)", NULL);
  if (process->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return error_errno(err, "prctl(PR_SET_NO_NEW_PRIVS)", NULL);
  if (process->has_caps && keep && caps_set(caps[CAP_SET_EFFECTIVE] | keep, caps[CAP_SET_PERMITTED] | keep, caps[CAP_SET_INHERITABLE], err) < 0) return -1;
  if (filter && seccomp_apply(filter, err) < 0) return -1;
  if (!process->has_caps) return 0;
  if (caps_set(caps[CAP_SET_EFFECTIVE], caps[CAP_SET_PERMITTED], caps[CAP_SET_INHERITABLE], err) < 0) return -1;
  return caps_ambient(caps[CAP_SET_AMBIENT], err);
}

static void not_run(struct error *err, int code, const char *path, const char *why) {
  int saved = errno;
  error_errno(err, "execve", path);
  err->errnum = saved;
  err->exit_code = code;
  snprintf(err->text, sizeof err->text, "exec %.200s: %s", path, why);
}

/* One candidate. Returns where the search should go on; false where this answer is final. */
static bool try_run(const char *path, char **args, char **env, struct error *err) {
  struct stat stat_before;
  execve(path, args, env);
  int saved = errno;
  bool there = stat(path, &stat_before) == 0;
  errno = saved;
  if (there && (S_ISDIR(stat_before.st_mode))) { errno = EISDIR; not_run(err, 126, path, "is a directory"); return true; }
  if (there && saved == ENOENT) { not_run(err, 127, path, "its interpreter is not in the container"); return false; }
  if (saved == ENOENT || saved == ENOTDIR) { not_run(err, 127, path, "not found in the container"); return true; }
  if (saved == EACCES) { not_run(err, 126, path, "permission denied"); return true; }
  if (saved == ENOEXEC) { not_run(err, 126, path, "exec format error (another architecture, or a script without #!)"); return false; }
  not_run(err, 126, path, strerror(saved));
  return false;
}

static void run(char **args, char **env, struct error *err) {
  if (strchr(args[0], '/')) { try_run(args[0], args, env, err); return; }
  const char *search = value_of(env, "PATH");
  if (!search) search = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  struct error denied = {0};
  for (const char *at = search; ; at++) {
    size_t length = strcspn(at, ":");
    char candidate[4096];
    if (*args[0] && snprintf(candidate, sizeof candidate, "%.*s%s%s", (int)length, at, length ? "/" : "./", args[0]) < (int)sizeof candidate) {
      if (!try_run(candidate, args, env, err)) return;
      if (err->exit_code == 126) denied = *err;
    }
    at += length;
    if (!*at) break;
  }
  if (denied.exit_code) { *err = denied; return; }
  errno = ENOENT;
  not_run(err, 127, args[0], "");
  snprintf(err->text, sizeof err->text, "exec %.120s: not found in the container's PATH (%.320s)", args[0], search);
}

void process_become(const struct process_spec *process, const struct sock_fprog *filter, int about_to_run, struct error *err) {
  struct identity *identity = arena_alloc(sizeof *identity);
  if (!identity) { error_text(err, "out of memory"); return; }
  if (user_resolve(process, identity, err) < 0) return;
  char **env = with_home(process->env, identity->home);
  /* /dev/stdout is opened anew by programs that log to it, under their own user. */
  for (int fd = 0; fd < 3; fd++) {
    struct stat stat;
    if (identity->uid && fstat(fd, &stat) == 0 && (S_ISFIFO(stat.st_mode) || isatty(fd)) && stat.st_uid != identity->uid) (void)!fchown(fd, identity->uid, (gid_t)-1);
  }
  if (limit(process, err) < 0) return;
  bool inside = enter(process->cwd, err) == 0; /* a folder of the user's own may be closed to root on some file systems */
  if (!inside && err->errnum != EACCES) return;
  umask(process->umask);
  if (take_identity(process, identity, filter, err) < 0) return;
  if (!inside && enter(process->cwd, err) < 0) return;
  syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);
  if (process->init && reaper_split(about_to_run, err) < 0) return;
  process_reset_signals();
  if (about_to_run >= 0) (void)!write(about_to_run, "\n", 1);
  run(process->args, env, err);
}
