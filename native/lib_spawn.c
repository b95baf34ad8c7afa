#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "lib_api.h"

#define MAX_FDS 64

struct moved { int count, fd[MAX_FDS]; };

static void close_moved(struct moved *moved) {
  for (int i = 0; i < moved->count; i++) close(moved->fd[i]);
}

/* posix_spawn's functions return the error instead of setting errno. */
static int failed(int code, const char *call, const char *file, struct error *err) {
  errno = code;
  return error_errno(err, call, file);
}

/* Child numbers may be numbers of ours as well, so each descriptor is first duplicated above them all, then put in its place. */
static int plan_descriptors(posix_spawn_file_actions_t *actions, const int *fds, int nfds, struct moved *moved, struct error *err) {
  int highest = 2;
  for (int i = 0; i < nfds; i++) if (fds[2 * i] > highest) highest = fds[2 * i];
  for (int number = 0; number <= highest; number++) {
    int ours = -1, code;
    for (int i = 0; i < nfds; i++) if (fds[2 * i] == number) ours = fds[2 * i + 1];
    if (ours >= 0) {
      int copy = fcntl(ours, F_DUPFD_CLOEXEC, highest + 1);
      if (copy < 0) return error_errno(err, "fcntl", NULL);
      moved->fd[moved->count++] = copy;
      code = posix_spawn_file_actions_adddup2(actions, copy, number);
    } else if (number <= 2) {
      code = posix_spawn_file_actions_addopen(actions, number, "/dev/null", O_RDWR, 0);
    } else {
      code = posix_spawn_file_actions_addclose(actions, number);
    }
    if (code) return failed(code, "posix_spawn_file_actions", NULL, err);
  }
  int code = posix_spawn_file_actions_addclosefrom_np(actions, highest + 1);
  return code ? failed(code, "posix_spawn_file_actions", NULL, err) : 0;
}

static int spawn(const char *file, char *const argv[], char *const envp[], posix_spawn_file_actions_t *actions, pid_t *pid, struct error *err) {
  posix_spawnattr_t attr;
  int code = posix_spawnattr_init(&attr);
  if (code) return failed(code, "posix_spawnattr_init", file, err);
  sigset_t all, none;
  memset(&all, 0xff, sizeof all); /* sigfillset would leave out 32 and 33, which then stay ignored */
  sigemptyset(&none);
  posix_spawnattr_setsigdefault(&attr, &all);
  posix_spawnattr_setsigmask(&attr, &none);
  posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  code = posix_spawn(pid, file, actions, &attr, argv, envp);
  posix_spawnattr_destroy(&attr);
  return code ? failed(code, "posix_spawn", file, err) : 0;
}

int lib_spawn_detached(const char *file, char *const argv[], char *const envp[], const int *fds, int nfds, struct error *err) {
  if (nfds > MAX_FDS) return failed(EINVAL, "posix_spawn", file, err);
  posix_spawn_file_actions_t actions;
  struct moved moved = {0};
  pid_t pid = -1;
  int code = posix_spawn_file_actions_init(&actions);
  if (code) return failed(code, "posix_spawn_file_actions", file, err);
  int result = plan_descriptors(&actions, fds, nfds, &moved, err);
  if (result == 0) result = spawn(file, argv, envp, &actions, &pid, err);
  close_moved(&moved);
  posix_spawn_file_actions_destroy(&actions);
  if (result < 0) return result;

  int status;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return error_errno(err, "waitpid", file);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
  if (WIFSIGNALED(status)) return error_text(err, "%s: killed by signal %d before it had detached itself", file, WTERMSIG(status));
  return error_text(err, "%s: exit status %d before it had detached itself", file, WEXITSTATUS(status));
}
