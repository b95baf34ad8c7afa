#include "notify.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "arena.h"
#include "connect.h"
#include "seccomp.h"

static const char action[] = SECCOMP_NOTIFY;

/* What the process itself does after the filter is on it, and nobody may have to answer: it tells whoever waits for it. */
static int check(json_t *profile, struct error *err) {
  size_t i, k;
  json_t *entry, *name;
  if (seccomp_is_action(profile, "defaultAction", action)) return error_text(err, "seccomp: %s cannot be used as the default action", action);
  json_array_foreach(json_object_get(profile, "syscalls"), i, entry)
    json_array_foreach(json_object_get(entry, "names"), k, name)
      if (seccomp_is_action(entry, "action", action) && json_is_string(name) && strcmp(json_string_value(name), "write") == 0) return error_text(err, "seccomp: %s cannot be used for the write syscall", action);
  return 0;
}

int notify_open(const struct config *config, struct process_spec *process, const struct container_state *state, const char *status, int pid, struct error *err) {
  struct error failed;
  const char *path = json_string_value(json_object_get(config->seccomp, "listenerPath")), *metadata = json_string_value(json_object_get(config->seccomp, "listenerMetadata"));
  process->notify = NULL;
  if (config->seccomp_bpf || !seccomp_notifies(config->seccomp)) return 0;
  if (check(config->seccomp, err) < 0) return -1;
  if (!path || !*path) return error_text(err, "seccomp: %s needs a listenerPath", action);
  struct notify *notify = arena_alloc(sizeof *notify);
  if (!notify) return error_text(err, "out of memory");
  *notify = (struct notify){.metadata = metadata ? metadata : "", .state = state, .status = status, .pid = pid};
  notify->socket = connect_unix(path, &failed);
  if (notify->socket < 0) return error_text(err, "failed to connect with seccomp agent: %s", failed.text);
  notify->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (notify->proc < 0) { close(notify->socket); return error_errno(err, "open", "/proc"); }
  process->notify = notify;
  return 0;
}

void notify_close(struct process_spec *process) {
  if (!process->notify) return;
  close(process->notify->socket);
  close(process->notify->proc);
  process->notify = NULL;
}

/* The specification's "container process state", with the own pid as the host has it. */
static char *message_of(const struct notify *notify) {
  char own[32] = "";
  if (readlinkat(notify->proc, "self", own, sizeof own - 1) < 0) return NULL;
  const char *state = hooks_state(notify->state, notify->status, notify->pid ? notify->pid : atoi(own));
  json_t *parsed = state ? json_loads(state, 0, NULL) : NULL;
  json_t *whole = json_pack("{s:s, s:[s], s:i, s:s, s:o}", "ociVersion", notify->state->version, "fds", "seccompFd", "pid", atoi(own), "metadata", notify->metadata, "state", parsed);
  return whole ? json_dumps(whole, JSON_COMPACT) : NULL;
}

/* The filter is on its own thread alone, and that one may do nothing that would be put to an agent who has not got the listener yet: another thread, without the filter,
   sends it. They share memory and descriptors; what they tell each other takes no system call of the first. */
struct errand { const struct notify *notify; char *message; _Atomic int listener, result; };
enum { PENDING = -1, GIVEN_UP = -2 };

static int deliver(void *argument) {
  struct errand *errand = argument;
  union { struct cmsghdr header; char bytes[CMSG_SPACE(sizeof(int))]; } control = {0};
  struct iovec text = {.iov_base = errand->message, .iov_len = strlen(errand->message)};
  struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  int listener;
  while ((listener = atomic_load(&errand->listener)) == PENDING) nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
  if (listener == GIVEN_UP) return 0;
  control.header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
  memcpy(CMSG_DATA(&control.header), &listener, sizeof listener);
  int result = sendmsg(errand->notify->socket, &message, MSG_NOSIGNAL) < 0 ? errno : 0;
  close(errand->notify->socket);
  close(errand->notify->proc);
  close(listener);
  atomic_store(&errand->result, result);
  return 0;
}

int notify_apply(const struct notify *notify, const struct sock_fprog *program, unsigned flags, struct error *err) {
  static char stack[32768] __attribute__((aligned(16)));
  static struct errand errand;
  errand = (struct errand){.notify = notify, .message = message_of(notify), .listener = PENDING, .result = PENDING};
  if (!errand.message) return error_text(err, "out of memory");
  if (clone(deliver, stack + sizeof stack, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, &errand) < 0) return error_errno(err, "clone", "the seccomp listener");
  long listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW | flags, program);
  int failed = errno;
  atomic_store(&errand.listener, listener < 0 ? GIVEN_UP : (int)listener);
  errno = failed;
  if (listener < 0) return error_errno(err, "seccomp", NULL);
  int result;
  while ((result = atomic_load(&errand.result)) == PENDING) continue;
  errno = result;
  return result ? error_errno(err, "sendmsg", "the seccomp agent") : 0;
}
