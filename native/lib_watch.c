#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "lib_api.h"
#include "lib_watch.h"

#define STACK_BYTES (256 * 1024)
#define LINE_BYTES 4400
/* What changes within this time is told once. */
#define TOGETHER_MS 20
#define MOST_READS 64
#define ENTRY_CHANGES (IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define FILE_CHANGES (IN_MODIFY | IN_MOVED_TO | ENTRY_CHANGES)

/* The buffer is for messages of netlink and of inotify. */
struct watcher { int control, epoll, inotify, home; struct watch *watches; uint32_t count; bool dirty, deaf, over; struct timespec due; char input[LINE_BYTES]; size_t filled; _Alignas(8) char buffer[65536]; };

enum { CONTROL = UINT32_MAX, INOTIFY = UINT32_MAX - 1 };
#define PIDFD_BIT (UINT64_C(1) << 32)

static void tell(struct watcher *w, const char *text) {
  for (size_t left = strlen(text); left > 0;) {
    ssize_t sent = send(w->control, text, left, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return; /* whoever listened has gone, and so will this thread */
    text += sent;
    left -= (size_t)sent;
  }
}

static void complain(struct watcher *w, uint32_t token, const char *what) {
  char line[256];
  snprintf(line, sizeof line, "%u ! %s: %s\n", token, what, strerror(errno));
  tell(w, line);
}

/* The last line: nothing is watched from now on. Whoever listens begins anew. */
static void end(struct watcher *w, const char *what) {
  char line[256];
  snprintf(line, sizeof line, "! %s: %s\n", what, strerror(errno));
  tell(w, line);
  w->over = true;
}

static void gather(struct watcher *w) {
  if (w->dirty) return;
  clock_gettime(CLOCK_MONOTONIC, &w->due);
  w->due.tv_nsec += TOGETHER_MS * 1000000L;
  if (w->due.tv_nsec >= 1000000000L) { w->due.tv_sec++; w->due.tv_nsec -= 1000000000L; }
  w->dirty = true;
}

static void mark(struct watcher *w, struct watch *one) {
  gather(w);
  one->dirty = true;
}

static int left_ms(const struct watcher *w) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  long ms = (w->due.tv_sec - now.tv_sec) * 1000 + (w->due.tv_nsec - now.tv_nsec) / 1000000;
  return ms < 0 ? 0 : (int)ms;
}

static void flush(struct watcher *w) {
  for (uint32_t token = 0; token < w->count; token++) {
    struct watch *one = &w->watches[token];
    if (!one->dirty) continue;
    char line[128];
    snprintf(line, sizeof line, one->who[0] ? "%u %s\n" : "%u\n", token, one->who);
    tell(w, line);
    one->dirty = false;
    one->who[0] = 0;
  }
  w->dirty = false;
}

static void forget(struct watcher *w, struct watch *one) {
  if (one->kind == FILES && one->wd >= 0) inotify_rm_watch(w->inotify, one->wd);
  if (one->fd >= 0) close(one->fd); /* which takes it out of the epoll set too */
  if (one->end >= 0) close(one->end);
  free(one->links);
  *one = (struct watch){ .fd = -1, .end = -1, .wd = -1 };
}

static int listen_to(struct watcher *w, uint64_t data, int fd, uint32_t events) {
  struct epoll_event event = { .events = events, .data.u64 = data };
  return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* All links of the namespace at `path`, or "-" and how the names begin of those that count of the engine's own. This thread is nobody else's, so it may go there and come back. */
static int watch_links(struct watcher *w, struct watch *one, const char *path) {
  if (path[0] == '-') return watch_links_open(one, path + 1, false);
  int ns = open(path, O_RDONLY | O_CLOEXEC);
  if (ns < 0) return -1;
  int entered = setns(ns, CLONE_NEWNET);
  close(ns);
  if (entered < 0) return -1;
  int opened = watch_links_open(one, "", true), saved = errno;
  if (setns(w->home, CLONE_NEWNET) < 0) { end(w, "setns"); return -1; } /* all further sockets would be of the wrong namespace */
  errno = saved;
  return opened;
}

static int watch_mounts(struct watcher *w, struct watch *one, uint32_t token, const char *pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/mountinfo", atoi(pid));
  one->end = (int)syscall(SYS_pidfd_open, atoi(pid), 0);
  if (one->end < 0) return -1;
  one->fd = open(path, O_RDONLY | O_CLOEXEC);
  return one->fd < 0 ? -1 : listen_to(w, token | PIDFD_BIT, one->end, EPOLLIN);
}

static int watch_one(struct watcher *w, uint32_t token, const char *verb, const char *argument) {
  struct watch *one = &w->watches[token];
  forget(w, one);
  if (!strcmp(verb, "links")) { one->kind = LINKS; if (watch_links(w, one, argument) < 0) return -1; }
  else if (!strcmp(verb, "rules")) { one->kind = RULES; if (watch_rules_open(one, argument) < 0) return -1; }
  else if (!strcmp(verb, "moves")) { one->kind = MOVES; if (watch_moves_open(one, argument) < 0) return -1; }
  else if (!strcmp(verb, "mounts")) { one->kind = MOUNTS; if (watch_mounts(w, one, token, argument) < 0) return -1; }
  else if (!strcmp(verb, "entries")) { one->kind = FILES; return one->wd = inotify_add_watch(w->inotify, argument, ENTRY_CHANGES); }
  else if (!strcmp(verb, "files")) { one->kind = FILES; return one->wd = inotify_add_watch(w->inotify, argument, FILE_CHANGES); }
  else return errno = ENOSYS, -1;
  return listen_to(w, token, one->fd, one->kind == MOUNTS ? EPOLLPRI : EPOLLIN);
}

static bool make_room(struct watcher *w, uint32_t token) {
  if (token < w->count) return true;
  uint32_t count = token + 64;
  struct watch *watches = realloc(w->watches, count * sizeof *watches);
  if (!watches) return false;
  for (uint32_t i = w->count; i < count; i++) watches[i] = (struct watch){ .fd = -1, .end = -1, .wd = -1 };
  w->watches = watches;
  w->count = count;
  return true;
}

static void obey(struct watcher *w, char *line) {
  char *rest = line, *verb = strsep(&rest, " "), *number = strsep(&rest, " ");
  if (!number) return;
  uint32_t token = (uint32_t)strtoul(number, NULL, 10);
  if (!make_room(w, token)) { complain(w, token, "realloc"); return; }
  if (!strcmp(verb, "cancel")) { forget(w, &w->watches[token]); return; }
  if (watch_one(w, token, verb, rest ? rest : "") >= 0 || w->over) return;
  complain(w, token, rest ? rest : verb);
  forget(w, &w->watches[token]);
}

static void read_control(struct watcher *w) {
  ssize_t got = recv(w->control, w->input + w->filled, sizeof w->input - w->filled, 0);
  if (got < 0 && errno == EINTR) return;
  if (got < 0) return end(w, "recv");
  if (got == 0) { w->over = true; return; } /* the engine has gone */
  w->filled += (size_t)got;
  char *from = w->input;
  for (char *at; !w->over && (at = memchr(from, '\n', w->filled - (size_t)(from - w->input))); from = at + 1) { *at = 0; obey(w, from); }
  w->filled -= (size_t)(from - w->input);
  memmove(w->input, from, w->filled);
  if (w->filled == sizeof w->input) { errno = EMSGSIZE; end(w, "a line"); }
}

/* What somebody writes all the time costs one look at a time: until that is told the rest gathers, in the kernel, which joins what is alike. */
static void hear(struct watcher *w, uint64_t data, int fd, bool on, bool *deaf) {
  struct epoll_event event = { .events = on ? EPOLLIN : 0, .data.u64 = data };
  if (epoll_ctl(w->epoll, EPOLL_CTL_MOD, fd, &event) < 0) return end(w, "epoll_ctl");
  *deaf = !on;
}

static void hear_files(struct watcher *w, bool on) { hear(w, INOTIFY, w->inotify, on, &w->deaf); }

/* Whoever writes to a cgroup, as a container that is made does thirty times, would wake this thread for each. */
static void hear_moves(struct watcher *w, struct watch *one, bool on) {
  if (!on) gather(w);
  hear(w, (uint64_t)(one - w->watches), one->fd, on, &one->deaf);
}

/* Of a cgroup: processes that come to it, as for each health check, are no change of it. */
static bool is_membership(const struct inotify_event *event) {
  return event->len > 0 && (!strcmp(event->name, "cgroup.procs") || !strcmp(event->name, "tasks"));
}

/* Marks what has changed; whether inotify had told anything. */
static bool read_files(struct watcher *w) {
  _Alignas(struct inotify_event) char buffer[16384];
  ssize_t got = read(w->inotify, buffer, sizeof buffer);
  for (char *at = buffer; got > 0 && at < buffer + got;) {
    const struct inotify_event *event = (const void *)at;
    at += sizeof *event + event->len;
    for (uint32_t i = 0; i < w->count; i++) {
      struct watch *one = &w->watches[i];
      bool overflown = event->mask & IN_Q_OVERFLOW;
      if (one->kind != FILES || (!overflown && one->wd != event->wd)) continue;
      if (event->mask & IN_IGNORED) one->wd = -1; else if (!is_membership(event)) mark(w, one);
      if (!overflown) break;
    }
  }
  if (w->dirty && !w->deaf) hear_files(w, false);
  return got > 0;
}

static void tell_all(struct watcher *w) {
  if (w->deaf) {
    for (int reads = 0; reads < MOST_READS && read_files(w); reads++) {}
    hear_files(w, true);
  }
  for (uint32_t i = 0; i < w->count; i++) {
    struct watch *one = &w->watches[i];
    if (!one->deaf) continue;
    one->dirty |= watch_moves_read(one, w->buffer, sizeof w->buffer);
    hear_moves(w, one, true);
  }
  flush(w);
}

static void serve(struct watcher *w, uint64_t data) {
  uint32_t token = (uint32_t)data;
  if (token == CONTROL) read_control(w);
  else if (token == INOTIFY) read_files(w);
  else if (token < w->count) {
    struct watch *one = &w->watches[token];
    if (data & PIDFD_BIT) forget(w, one);
    else if (one->kind == MOUNTS) mark(w, one);
    else if (one->kind == MOVES && one->fd >= 0) hear_moves(w, one, false);
    else if (one->fd >= 0 && (one->kind == RULES ? watch_rules_read : watch_links_read)(one, w->buffer, sizeof w->buffer)) mark(w, one);
  }
}

static void *run(void *argument) {
  struct watcher *w = argument;
  while (!w->over) {
    struct epoll_event events[64];
    int count = epoll_wait(w->epoll, events, 64, w->dirty ? left_ms(w) : -1);
    if (count < 0 && errno != EINTR) end(w, "epoll_wait");
    for (int i = 0; i < count && !w->over; i++) serve(w, events[i].data.u64);
    if (w->dirty && left_ms(w) == 0) tell_all(w);
  }
  for (uint32_t i = 0; i < w->count; i++) forget(w, &w->watches[i]);
  close(w->control);
  close(w->epoll);
  close(w->inotify);
  close(w->home);
  free(w->watches);
  free(w);
  return NULL;
}

static int start(struct watcher *w, struct error *err) {
  w->home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  if (w->home < 0) return error_errno(err, "open", "/proc/thread-self/ns/net");
  w->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (w->epoll < 0) return error_errno(err, "epoll_create1", NULL);
  w->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (w->inotify < 0) return error_errno(err, "inotify_init1", NULL);
  if (listen_to(w, CONTROL, w->control, EPOLLIN) < 0 || listen_to(w, INOTIFY, w->inotify, EPOLLIN) < 0) return error_errno(err, "epoll_ctl", NULL);
  sigset_t all, before;
  pthread_attr_t attr;
  pthread_t thread;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, STACK_BYTES);
  pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
  int code = pthread_create(&thread, &attr, run, w);
  pthread_attr_destroy(&attr);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (code == 0) return 0;
  errno = code;
  return error_errno(err, "pthread_create", NULL);
}

int lib_watch(int *out, struct error *err) {
  int ends[2];
  struct watcher *w = calloc(1, sizeof *w);
  if (!w) return error_errno(err, "calloc", NULL);
  w->epoll = w->inotify = w->home = -1;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
    free(w);
    return error_errno(err, "socketpair", NULL);
  }
  w->control = ends[1];
  if (start(w, err) == 0) {
    *out = ends[0];
    return 0;
  }
  const int opened[] = { ends[0], ends[1], w->epoll, w->inotify, w->home };
  for (size_t i = 0; i < sizeof opened / sizeof *opened; i++) if (opened[i] >= 0) close(opened[i]);
  free(w);
  return -1;
}
