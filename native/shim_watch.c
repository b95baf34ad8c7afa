#include "shim.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "oom_watch.h"

#define RESPONDER_PAUSE_MS 1000
#define SYSLOG_PAUSE_MS 5

static long long uptime_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

static ssize_t take_output(struct shim *shim, int from, int stream) {
  const char *bytes;
  ssize_t n = log_copy(&shim->log, from, stream, &bytes);
  if (n > 0) {
    attach_output(&shim->attach, stream, bytes, (size_t)n);
    syslog_send(&shim->forward, stream, bytes, (size_t)n);
  }
  return n;
}

/* All that is left once the container has ended. Readers that are behind get their time here too. */
void shim_drain(struct shim *shim) {
  do attach_make_room(&shim->attach, SHIM_LAST_WAIT_MS); while (shim->output >= 0 && take_output(shim, shim->output, LOG_STDOUT) > 0);
  do attach_make_room(&shim->attach, SHIM_LAST_WAIT_MS); while (shim->errors >= 0 && take_output(shim, shim->errors, LOG_STDERR) > 0);
}

static void copy(struct shim *shim, int *from, int stream) {
  if (!attach_has_room(&shim->attach) || !syslog_has_room(&shim->forward)) return; /* what came on the other stream has filled it */
  ssize_t n = take_output(shim, *from, stream);
  if (n > 0 || (n < 0 && errno == EAGAIN)) return;
  close(*from);
  *from = -1;
}

/* How long `watch` may sleep: the soonest of an attached reader's end of patience, the responder's next start and the next look for kills. */
static int patience(const struct shim *shim) {
  const long long clocks[] = {shim->responder_at, shim->oom_at};
  int pause = attach_patience(&shim->attach);
  for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
    if (!clocks[i]) continue;
    long long left = clocks[i] - uptime_ms();
    int ms = left > 0 ? (int)left : 0;
    if (pause < 0 || ms < pause) pause = ms;
  }
  return pause;
}

/* By the clock, not by a quiet moment: a container that writes all the time leaves none. */
static void revive_responder(struct shim *shim) {
  struct error ignored;
  if (shim->responder.pidfd >= 0) shim->responder_at = 0; /* a request has started it meanwhile */
  if (!shim->responder_at || uptime_ms() < shim->responder_at) return;
  shim->responder_at = responder_start(&shim->responder, &ignored) < 0 ? uptime_ms() + RESPONDER_PAUSE_MS : 0;
}

/* The event of version 1 comes before the kill: it is looked for again, for a second. */
static void tell_oom(struct shim *shim) {
  char line[96];
  if (!shim->oom_at || uptime_ms() < shim->oom_at) return;
  long kills = cgroup_oom_kills(shim->cgroup);
  if (kills <= shim->oom_kills) { shim->oom_at = shim->oom_looks++ < 50 ? uptime_ms() + 20 : 0; return; }
  shim->oom_kills = kills;
  shim->oom_at = 0;
  shim->oom_looks = 0;
  snprintf(line, sizeof line, "{\"version\":1,\"event\":\"oom\",\"kills\":%ld}\n", kills);
  control_tell(&shim->control, line);
}

/* Until the container's first process has ended. */
void shim_watch(struct shim *shim) {
  enum { OUTPUT, ERRORS, PROCESS, RESPONDER, OOM, CONTROL, ATTACH = CONTROL + 1 + CONTROL_CLIENTS, COUNT = ATTACH + ATTACH_ENTRIES };
  struct pollfd entries[COUNT];
  for (;;) {
    bool sends = syslog_has_room(&shim->forward), takes = attach_has_room(&shim->attach) && sends;
    entries[OUTPUT] = (struct pollfd){.fd = takes ? shim->output : -1, .events = POLLIN};
    entries[ERRORS] = (struct pollfd){.fd = takes ? shim->errors : -1, .events = POLLIN};
    entries[PROCESS] = (struct pollfd){.fd = shim->pidfd, .events = POLLIN};
    entries[RESPONDER] = (struct pollfd){.fd = shim->responder.pidfd, .events = POLLIN};
    entries[OOM] = (struct pollfd){.fd = shim->oom, .events = POLLIN};
    control_poll(&shim->control, &entries[CONTROL]);
    attach_poll(&shim->attach, &entries[ATTACH]);
    int longest = patience(shim);
    if (poll(entries, COUNT, sends || (longest >= 0 && longest < SYSLOG_PAUSE_MS) ? longest : SYSLOG_PAUSE_MS) < 0) continue;
    revive_responder(shim);
    if (entries[OUTPUT].revents) copy(shim, &shim->output, LOG_STDOUT);
    if (entries[ERRORS].revents) copy(shim, &shim->errors, LOG_STDERR);
    if (entries[RESPONDER].revents) { responder_stop(&shim->responder); shim->responder_at = uptime_ms() + RESPONDER_PAUSE_MS; }
    if (entries[OOM].revents) { oom_watch_read(shim->oom); shim->oom_at = uptime_ms() + 1; }
    tell_oom(shim);
    attach_handle(&shim->attach, &entries[ATTACH]);
    control_handle(&shim->control, &entries[CONTROL]);
    if (entries[PROCESS].revents) return;
  }
}
