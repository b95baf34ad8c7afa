#include "reaper.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "self.h"

/* Reaps until the program itself has ended; its exit code then, else -1. */
static int reap(pid_t program) {
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
    if (pid == program) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return -1;
}

static _Noreturn void attend(pid_t program) {
  sigset_t all;
  siginfo_t info;
  sigfillset(&all);
  for (int code = -1; ; ) {
    if ((code = reap(program)) >= 0) _exit(code);
    if (sigwaitinfo(&all, &info) > 0 && info.si_signo != SIGCHLD) kill(program, info.si_signo);
  }
}

int reaper_split(int failure, struct error *err) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  signal(SIGCHLD, SIG_DFL); /* ignored, it would reap by itself and tell nothing */
  pid_t program = fork();
  if (program < 0 && errno == EAGAIN) return error_text(err, "the container's program cannot be forked: its limit of processes leaves room for none beside its init");
  if (program < 0) return error_errno(err, "fork", "the container's program");
  if (program > 0) {
    close(failure);
    self_rename("init");
    attend(program);
  }
  setpgid(0, 0);
  signal(SIGTTOU, SIG_IGN);
  if (isatty(0)) tcsetpgrp(0, getpid()); /* Ctrl-C is for the program, not for its init */
  return 0;
}
