#include "foreground.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "console.h"
#include "relay.h"
#include "scope.h"

/* Raw mode as long as somebody types into the container. */
static bool make_raw(struct termios *before) {
  struct termios raw;
  if (tcgetattr(0, before) < 0) return false;
  raw = *before;
  cfmakeraw(&raw);
  raw.c_oflag |= OPOST; /* what we print ourselves stays readable */
  return tcsetattr(0, TCSADRAIN, &raw) == 0;
}

static void copy_size(int master) {
  struct winsize size;
  if (ioctl(0, TIOCGWINSZ, &size) == 0) ioctl(master, TIOCSWINSZ, &size);
}

static void pass_on(int signals, int pidfd, int master) {
  struct signalfd_siginfo info;
  while (read(signals, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGWINCH && master >= 0) copy_size(master);
    else if (info.ssi_signo != SIGCHLD && info.ssi_signo != SIGURG) syscall(SYS_pidfd_send_signal, pidfd, (int)info.ssi_signo, NULL, 0);
  }
}

int foreground(pid_t pid, int pidfd, int console, struct error *err) {
  enum { PROCESS, SIGNALS, RELAY, COUNT = RELAY + RELAY_ENTRIES };
  struct relay relay = RELAY_NONE;
  struct termios before;
  sigset_t all;
  bool raw = false, attended = true;
  (void)pid;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  fd_auto signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
  int master = console >= 0 ? console_receive(console, err) : -1;
  if (master >= 0) {
    relay_open(&relay, master, -1);
    copy_size(master);
    raw = make_raw(&before);
  }
  struct pollfd entries[COUNT] = {[PROCESS] = {.fd = pidfd, .events = POLLIN}, [SIGNALS] = {.fd = signals, .events = POLLIN}};
  while (!entries[PROCESS].revents) {
    for (int i = 0; i < RELAY_ENTRIES; i++) entries[RELAY + i].fd = -1;
    if (attended) relay_poll(&relay, &entries[RELAY]);
    if (poll(entries, COUNT, -1) < 0) continue;
    if (entries[SIGNALS].revents) pass_on(signals, pidfd, master);
    if (attended && !relay_handle(&relay, &entries[RELAY])) { relay_finish(&relay); attended = false; }
  }
  if (attended) relay_finish(&relay);
  if (raw) tcsetattr(0, TCSADRAIN, &before);
  siginfo_t info = {0};
  while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0 && errno == EINTR) continue;
  return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}
