#include "hooks.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "arena.h"
#include "file.h"
#include "process.h"
#include "scope.h"
#include "spawn.h"

static const char *const names[HOOK_KINDS] = {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"};

char *hooks_state(const struct container_state *state, const char *status, int pid) {
  json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "ociVersion", state->version, "id", state->id, "status", status, "bundle", state->bundle);
  if (!object) return NULL;
  if (pid) json_object_set_new(object, "pid", json_integer(pid));
  if (state->config->annotation_count) {
    json_t *annotations = json_object();
    for (size_t i = 0; i < state->config->annotation_count; i++)
      json_object_set_new(annotations, state->config->annotations[i].name, json_string(state->config->annotations[i].value));
    json_object_set_new(object, "annotations", annotations);
  }
  return json_dumps(object, JSON_COMPACT);
}

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

/* A file in memory with the state, read from its beginning. */
static int open_state(const char *state, struct error *err) {
  fd_auto fd = memfd_create("state", MFD_CLOEXEC);
  if (fd < 0) return error_errno(err, "memfd_create", NULL);
  if (file_write_all(fd, state, strlen(state)) < 0 || lseek(fd, 0, SEEK_SET) < 0) return error_errno(err, "write", "a hook's stdin");
  return fd_steal(&fd);
}

static _Noreturn void become(const struct hook *hook, int state, int complaints) {
  const char *own[] = {hook->path, NULL};
  int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  setpgid(0, 0);
  dup2(state, 0);
  dup2(null >= 0 ? null : complaints, 1);
  dup2(complaints, 2);
  syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);
  process_reset_signals();
  execve(hook->path, (char **)(hook->args && hook->args[0] ? hook->args : own), hook->env ? (char **)hook->env : environ);
  dprintf(2, "%s", strerror(errno));
  _exit(127);
}

struct running { pid_t pid; int pidfd, complaints; char said[400]; size_t used; };

/* False where there was nothing to read. */
static bool listen_to(struct running *running) {
  char rest[512];
  size_t room = sizeof running->said - 1 - running->used;
  ssize_t n = read(running->complaints, room ? running->said + running->used : rest, room ? room : sizeof rest);
  if (n > 0 && room) running->used += (size_t)n;
  else if (n == 0) { close(running->complaints); running->complaints = -1; }
  return n > 0;
}

/* Until it has ended, or its time is over. False for the latter. */
static bool attend(struct running *running, int64_t timeout) {
  long long end = timeout ? now_ms() + timeout * 1000 : 0;
  for (;;) {
    struct pollfd entries[] = {{.fd = running->pidfd, .events = POLLIN}, {.fd = running->complaints, .events = POLLIN}};
    long long left = end ? end - now_ms() : -1;
    if (end && left <= 0) return false;
    if (poll(entries, 2, left > 0x7fffffff ? 0x7fffffff : (int)left) < 0 && errno != EINTR) return false;
    if (entries[1].revents) listen_to(running);
    if (!entries[0].revents) continue;
    /* What it said last, but not what those say that it left behind: they may never be done. */
    while (running->complaints >= 0 && running->used < sizeof running->said - 1 && listen_to(running)) continue;
    return true;
  }
}

/* As runc says it: "bad system call". */
static const char *signal_words(int number) {
  static char words[64];
  const char *known = sigdescr_np(number);
  snprintf(words, sizeof words, "%s", known ? known : "unknown");
  words[0] = (char)tolower((unsigned char)words[0]);
  return words;
}

static int run(const struct hook *hook, const char *kind, size_t index, const char *state, struct error *err) {
  struct running running = {.pidfd = -1};
  int ends[2];
  fd_auto input = open_state(state, err);
  if (input < 0) return -1;
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return error_errno(err, "pipe2", NULL);
  running.pid = spawn(0, -1, &running.pidfd);
  if (running.pid == 0) become(hook, input, ends[1]);
  close(ends[1]);
  running.complaints = ends[0];
  if (running.pid < 0) { close(ends[0]); return error_errno(err, "clone3", hook->path); }
  bool ended = attend(&running, hook->timeout);
  if (!ended) {
    kill(-running.pid, SIGKILL);
    kill(running.pid, SIGKILL);
  }
  siginfo_t info = {0};
  while (waitid(P_PIDFD, (id_t)running.pidfd, &info, WEXITED) < 0 && errno == EINTR) continue;
  close(running.pidfd);
  if (running.complaints >= 0) close(running.complaints);
  running.said[running.used] = 0;
  for (char *at = running.said; *at; at++) if (*at == '\n') *at = at[1] ? ';' : 0;
  const char *colon = *running.said ? ": " : "";
  if (!ended) return error_text(err, "error running %s hook #%zu: %.200s: not done within %lld s", kind, index, hook->path, (long long)hook->timeout);
  if (info.si_code != CLD_EXITED) return error_text(err, "error running %s hook #%zu: %.200s: killed by signal %d, %s%s%s", kind, index, hook->path, info.si_status, signal_words(info.si_status), colon, running.said);
  return info.si_status == 0 ? 0 : error_text(err, "error running %s hook #%zu: %.200s: exit status %d%s%s", kind, index, hook->path, info.si_status, colon, running.said);
}

int hooks_run(const struct config *config, enum hook_kind kind, const char *state, struct error *err) {
  const struct hooks *hooks = &config->hooks[kind];
  if (hooks->count && !state) return error_text(err, "out of memory");
  for (size_t i = 0; i < hooks->count; i++) if (run(&hooks->list[i], names[kind], i, state, err) < 0) return -1;
  return 0;
}

void hooks_run_all(const struct config *config, enum hook_kind kind, const char *state, void (*warn)(const struct error *err)) {
  struct error err;
  for (size_t i = 0; state && i < config->hooks[kind].count; i++) if (run(&config->hooks[kind].list[i], names[kind], i, state, &err) < 0) warn(&err);
}
