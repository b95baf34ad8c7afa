#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
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

struct start { const char *file; char *const *argv, *const *envp; posix_spawn_file_actions_t *actions; struct error *err; int result; };

static int between(void *argument) {
  struct start *start = argument;
  pid_t pid;
  start->result = spawn(start->file, start->argv, start->envp, start->actions, &pid, start->err);
  _exit(0);
}

/* A process in between that ends at once leaves the program without a parent. It shares our memory and descriptors and this thread waits for it, as with vfork: nothing is copied. */
static int spawn_orphan(struct start *start) {
  size_t size = 64 << 10;
  char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return error_errno(start->err, "mmap", start->file);
  sigset_t all, former;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &former); /* no handler of ours may run in it */
  pid_t pid = clone(between, stack + size, CLONE_VM | CLONE_FILES | CLONE_VFORK, start); /* no exit signal: Node is told nothing of it */
  if (pid < 0) error_errno(start->err, "clone", start->file);
  else while (waitpid(pid, NULL, __WCLONE) < 0 && errno == EINTR) continue;
  pthread_sigmask(SIG_SETMASK, &former, NULL);
  munmap(stack, size);
  return pid < 0 ? -1 : start->result;
}

int lib_spawn_detached(const char *file, char *const argv[], char *const envp[], const int *fds, int nfds, struct error *err) {
  if (nfds > MAX_FDS) return failed(EINVAL, "posix_spawn", file, err);
  posix_spawn_file_actions_t actions;
  struct moved moved = {0};
  int code = posix_spawn_file_actions_init(&actions);
  if (code) return failed(code, "posix_spawn_file_actions", file, err);
  int result = plan_descriptors(&actions, fds, nfds, &moved, err);
  if (result == 0) result = spawn_orphan(&(struct start){file, argv, envp, &actions, err, -1});
  close_moved(&moved);
  posix_spawn_file_actions_destroy(&actions);
  return result;
}
