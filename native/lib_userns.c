#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "lib_api.h"
#include "lib_thread.h"
#include "pin_file.h"
#include "scope.h"
#include "userns_refused.h"

#define STACK_BYTES (16 * 1024)

/* A user namespace, and one of the network that is its property: made by a process that is nothing but in them. It runs in this program's memory and with its descriptors, which costs a hundredth of a program
   of its own; nobody else is in the namespace yet who could look at it. Its only calls are of the kernel. */
struct made { const char *path; int mounts; const char *uids, *gids; int with_network, network, talk[2]; pid_t parent; };

static int inhabit(void *argument) {
  struct made *made = argument;
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* of the thread that waits for it */
  if (syscall(SYS_getppid) != made->parent) return 1;
  int failed = 0;
  if (read(made->talk[1], &failed, sizeof failed) != sizeof failed) return 1;
  if (made->with_network && unshare(CLONE_NEWNET) < 0) failed = errno; /* by now it has a root, whose its files are */
  if (write(made->talk[1], &failed, sizeof failed) != sizeof failed) return 1;
  for (;;) pause();
}

static int write_map(pid_t pid, const char *file, const char *text, struct error *err) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
  fd_auto map = open(path, O_WRONLY | O_CLOEXEC);
  if (map < 0) return error_errno(err, "open", path);
  if (write(map, text, strlen(text)) >= 0) return 0;
  error_errno(err, "write", path);
  return err->errnum == EINVAL ? error_text(err, "the kernel refuses the %s: ranges overlap, or are too many", file) : -1;
}

static int open_namespace(pid_t pid, const char *kind, struct error *err) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, kind);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  return fd < 0 ? error_errno(err, "open", path) : fd;
}

/* Lets it go on, and waits for it to have done so, or to have died. */
static int answer(const struct made *made, int pidfd, struct error *err) {
  int failed = 0;
  struct pollfd ends[] = {{.fd = made->talk[0], .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
  if (write(made->talk[0], &failed, sizeof failed) != sizeof failed) return error_errno(err, "write", NULL);
  while (poll(ends, 2, -1) < 0) if (errno != EINTR) return error_errno(err, "poll", NULL);
  if (!(ends[0].revents & POLLIN) || read(made->talk[0], &failed, sizeof failed) != sizeof failed) return error_text(err, "the process that makes the namespaces has died");
  errno = failed;
  return failed ? error_errno(err, "unshare", "a network namespace") : 0;
}

static int keep(struct made *made, pid_t pid, int pidfd, struct error *err) {
  if (write_map(pid, "gid_map", made->gids, err) < 0 || write_map(pid, "uid_map", made->uids, err) < 0 || answer(made, pidfd, err) < 0) return -1;
  fd_auto users = open_namespace(pid, "user", err);
  if (users < 0) return -1;
  fd_auto network = made->with_network ? open_namespace(pid, "net", err) : -1;
  if ((made->with_network && network < 0) || pin_file(users, made->mounts, made->path, err) < 0) return -1;
  made->network = fd_steal(&network);
  return 0;
}

static int make(void *argument, struct error *err) {
  struct made *made = argument;
  fd_auto pidfd = -1;
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, NULL); /* its handlers are this program's */
  char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return error_errno(err, "mmap", NULL);
  pid_t pid = clone(inhabit, stack + STACK_BYTES, CLONE_VM | CLONE_FILES | CLONE_NEWUSER | CLONE_PIDFD, made, &pidfd);
  int result = pid < 0 ? userns_refused(err) : keep(made, pid, pidfd, err);
  if (pid > 0) {
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR) continue; /* then nobody uses the stack any more */
  }
  munmap(stack, STACK_BYTES);
  return result;
}

int lib_userns_create(const char *path, int mounts, const char *uids, const char *gids, int with_network, int *network, struct error *err) {
  struct made made = {.path = path, .mounts = mounts, .uids = uids, .gids = gids, .with_network = with_network, .network = -1, .parent = getpid()};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, made.talk) < 0) return error_errno(err, "socketpair", NULL);
  int result = run_on_thread(make, &made, err);
  for (int i = 0; i < 2; i++) close(made.talk[i]);
  *network = made.network;
  return result;
}

struct pin { int namespace, mounts; const char *path; };

static int pin_it(void *argument, struct error *err) {
  const struct pin *pin = argument;
  return pin_file(pin->namespace, pin->mounts, pin->path, err);
}

int lib_pin(int namespace, int mounts, const char *path, struct error *err) {
  return run_on_thread(pin_it, &(struct pin){namespace, mounts, path}, err);
}
