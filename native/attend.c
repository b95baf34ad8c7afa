#include "attend.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void kill_session(pid_t pid, int pidfd) {
  kill(-pid, SIGKILL); /* not waited for yet, so the number is still its own */
  syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0); /* it may not have got to its setsid */
}

/* A signal to us: SIGINT is passed on to the process group, SIGTERM kills it. */
static void take_signal(int signals, pid_t pid, int pidfd) {
  struct signalfd_siginfo info;
  if (read(signals, &info, sizeof info) != sizeof info) return;
  if (info.ssi_signo == SIGINT) kill(-pid, SIGINT);
  else kill_session(pid, pidfd);
}

int attend_signals(struct error *err) {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGTERM);
  sigaddset(&mask, SIGINT);
  sigprocmask(SIG_BLOCK, &mask, NULL);
  int signals = signalfd(-1, &mask, SFD_CLOEXEC);
  return signals < 0 ? error_errno(err, "signalfd", NULL) : signals;
}

/* A letter of the engine's; false: it has gone, and its containers go on. */
static bool take_letter(int engine, pid_t pid, int pidfd) {
  char letter;
  ssize_t got = read(engine, &letter, 1);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (got <= 0) return false;
  if (letter == 'I') kill(-pid, SIGINT);
  else kill_session(pid, pidfd);
  return true;
}

int attend(pid_t pid, int pidfd, int signals, int engine, struct relay *relay) {
  enum { PROCESS, SIGNALS, ENGINE, RELAY, COUNT = RELAY + RELAY_ENTRIES };
  struct pollfd entries[COUNT] = {[PROCESS] = {.fd = pidfd, .events = POLLIN}, [SIGNALS] = {.fd = signals, .events = POLLIN}, [ENGINE] = {.fd = engine, .events = POLLIN}};
  for (;;) {
    relay_poll(relay, &entries[RELAY]);
    if (poll(entries, COUNT, -1) < 0) continue;
    if (entries[SIGNALS].revents) take_signal(signals, pid, pidfd);
    if (entries[ENGINE].revents && !take_letter(engine, pid, pidfd)) entries[ENGINE].fd = -1;
    if (!relay_handle(relay, &entries[RELAY])) kill_session(pid, pidfd);
    if (entries[PROCESS].revents) break;
  }
  relay_finish(relay);
  siginfo_t info = {0};
  while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0 && errno == EINTR) continue;
  return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

void attend_tell(int engine, int code) {
  if (engine >= 0) dprintf(engine, "exit %d\n", code);
}
