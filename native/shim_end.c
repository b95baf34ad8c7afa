#include "shim.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "file.h"

long long shim_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

static void remove_socket(const struct shim *shim) {
  char path[4200];
  snprintf(path, sizeof path, "%s/shim.sock", shim->bundle);
  unlink(path);
}

/* Detached: whoever still has a file of it open keeps that, and nobody finds it any more. */
static void unmount(const struct shim *shim) {
  for (char *const *folder = shim->mounted; *folder; folder++) while (umount2(*folder, MNT_DETACH | UMOUNT_NOFOLLOW) == 0) continue;
}

/* Nothing of a container that could not start is left behind. */
void shim_undo(struct shim *shim, struct launch *launch) {
  struct error ignored;
  launch_undo(launch);
  if (shim->foreign.program) foreign_delete(&shim->foreign, shim->bundle, &ignored);
  responder_stop(&shim->responder);
  syslog_finish(&shim->forward, 0);
  if (shim->cgroup) cgroup_remove(shim->cgroup, &ignored); /* it is empty; the first error is the one to tell */
  unmount(shim);
  remove_socket(shim);
}

/* A failing hook of these kinds changes nothing, and there is nobody here to warn. */
static void not_told(const struct error *err) { (void)err; }

/* After all is gone; the configuration is read anew, as it was given back after the start. */
static void run_poststop(const struct shim *shim) {
  struct config config;
  struct error err;
  if (!shim->poststop || config_read(shim->bundle, &config, &err) < 0) return;
  struct container_state state = {config.version, shim_name(shim->bundle), shim->bundle, &config};
  hooks_run_all(&config, HOOK_POSTSTOP, hooks_state(&state, "stopped", 0), not_told);
}

/* What `waitid` tells, as the exit file's code and signal. */
void shim_finish(struct shim *shim) {
  siginfo_t info = {0};
  while (waitid(P_PIDFD, (id_t)shim->pidfd, &info, WEXITED) < 0 && errno == EINTR) continue;
  long long finished = shim_now_ms();
  struct error err;
  /* Without a pid namespace others may outlive the first process, and hold its pipes. */
  if (shim->cgroup) cgroup_signal(shim->cgroup, SIGKILL, &err);
  shim_drain(shim);
  long oom_kills = shim->cgroup ? cgroup_oom_kills(shim->cgroup) : 0;
  responder_stop(&shim->responder);
  if (shim->foreign.program) foreign_delete(&shim->foreign, shim->bundle, &err);
  bool removed = !shim->cgroup || cgroup_remove(shim->cgroup, &err) == 0;
  run_poststop(shim);
  unmount(shim);
  char line[512], lost[64] = "";
  if (shim->log.lost) snprintf(lost, sizeof lost, ",\"outputLost\":%llu", (unsigned long long)shim->log.lost);
  bool killed = info.si_code != CLD_EXITED;
  int length = snprintf(line, sizeof line, "{\"version\":1,\"exitCode\":%d,\"signal\":%d,\"oomKilled\":%s,\"startedAt\":%lld,\"finishedAt\":%lld%s%s}\n",
    killed ? 128 + info.si_status : info.si_status, killed ? info.si_status : 0, oom_kills > 0 ? "true" : "false", shim->started, finished,
    removed ? "" : ",\"cgroupLeft\":true", lost);
  if (file_replace(shim->exit_file, line, (size_t)length, &err) < 0) { /* a full disk: an exit is not lost to it, and what makes room may be waiting for this end */
    char path[4200];
    snprintf(path, sizeof path, "%s/exit", shim->bundle);
    file_replace(path, line, (size_t)length, &err);
  }
  else if (!control_watched(&shim->control)) file_sync(shim->exit_file); /* an engine sees to that, for all its containers at once */
  remove_socket(shim);
  control_close(&shim->control);
  if (shim->lock >= 0) close(shim->lock);
  attach_finish(&shim->attach, SHIM_LAST_WAIT_MS);
  syslog_finish(&shim->forward, SHIM_LAST_WAIT_MS);
}
