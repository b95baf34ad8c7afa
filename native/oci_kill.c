#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup.h"
#include "file.h"
#include "oci.h"
#include "scope.h"
#include "signal_name.h"

/* Whether its processes go by themselves when the first one does. */
static bool has_pid_namespace(const struct container *container) {
  struct config config;
  struct error ignored;
  return container_config(container, &config, &ignored) == 0 && config.namespaces & namespaces[NS_PID].flag;
}

static bool has_processes(const struct container *container) {
  struct error ignored;
  size_t count = 0;
  return container->cgroup && cgroup_processes(container->cgroup, &count, &ignored) && count > 0;
}

static int kill_one(const struct container *container, int number, struct error *err) {
  fd_auto pidfd = (int)syscall(SYS_pidfd_open, container->pid, 0);
  if (pidfd < 0 || process_start_time(container->pid) != container->start_time) return error_text(err, "container %s is not running", container->id);
  return syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0) < 0 ? error_errno(err, "pidfd_send_signal", container->id) : 0;
}

static int send(const struct container *container, int number, bool all, struct error *err) {
  enum container_status status = container_status(container);
  bool every = all || (number == SIGKILL && !has_pid_namespace(container));
  /* Others of its processes may live on without a pid namespace of their own. */
  if (status == CONTAINER_STOPPED && !all && !(every && has_processes(container))) return error_text(err, "cannot signal container %s: container not running", container->id);
  if (!container->cgroup) return kill_one(container, number, err);
  if (every && cgroup_signal(container->cgroup, number, err) < 0) return status == CONTAINER_STOPPED && err->errnum == ESRCH ? 0 : -1;
  if (!every && kill_one(container, number, err) < 0) return -1;
  /* A frozen process does not even die. */
  return status == CONTAINER_PAUSED && number == SIGKILL ? cgroup_freeze(container->cgroup, false, err) : 0;
}

int oci_kill(int argc, char **argv) {
  static const struct option options[] = {{"all", no_argument, NULL, 'a'}, {"signal", required_argument, NULL, 's'}, {0}};
  static const char usage[] = "kill [--all] ID [SIGNAL]";
  struct container container;
  struct error err = {0};
  const char *signal = NULL;
  bool all = false;
  for (int option; (option = getopt_long(argc, argv, "a", options, NULL)) != -1;) switch (option) {
    case 'a': all = true; break;
    case 's': signal = optarg; break;
    default: return oci_usage(usage);
  }
  if (argc - optind == 2) signal = argv[--argc];
  int number = signal_number(signal ? signal : "TERM");
  if (!oci_container(argc, argv, usage, &container)) return 1;
  if (number < 0) { error_text(&err, "unknown signal \"%s\"", signal); return oci_fail(&err, 1); }
  return send(&container, number, all, &err) < 0 ? oci_fail(&err, 1) : 0;
}
