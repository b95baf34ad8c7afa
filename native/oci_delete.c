#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup.h"
#include "file.h"
#include "newroot.h"
#include "oci.h"
#include "scope.h"

#define KILLED_WITHIN_MS 10000
#define ENDED_WITHIN_MS 100

/* Kills the first process and waits for its end. */
static int end(const struct container *container, struct error *err) {
  fd_auto pidfd = container->pid > 0 ? (int)syscall(SYS_pidfd_open, container->pid, 0) : -1;
  struct pollfd entry = {.fd = pidfd, .events = POLLIN};
  if (pidfd < 0 || poll(&entry, 1, 0) > 0 || process_start_time(container->pid) != container->start_time) return 0;
  if (container->cgroup && cgroup_is_frozen(container->cgroup) && cgroup_freeze(container->cgroup, false, err) < 0) return -1;
  syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
  int ready;
  do ready = poll(&entry, 1, KILLED_WITHIN_MS); while (ready < 0 && errno == EINTR);
  return ready > 0 ? 0 : error_text(err, "container %s: its process %d does not end", container->id, container->pid);
}

int oci_destroy(struct container *container, struct error *err) {
  struct config config = {.annotation_count = 0};
  struct error unread;
  bool known = !container->plain && container_config(container, &config, &unread) == 0;
  if (end(container, err) < 0) return -1;
  if (container->cgroup && !container->start_time) cgroup_discard(container->cgroup); /* its maker died; whether those who live there were its own, nobody knows */
  else if (container->cgroup && cgroup_remove(container->cgroup, err) < 0) return -1;
  if (known) newroot_leave(&config);
  if (container_forget(container, err) < 0) return -1;
  if (!known || !config.hooks[HOOK_POSTSTOP].count) return 0;
  struct container_state state = {config.version, container->id, container->bundle, &config};
  hooks_run_all(&config, HOOK_POSTSTOP, hooks_state(&state, "stopped", 0), oci_warn);
  return 0;
}

/* Whoever has seen its program's last words may ask before the kernel is done with it. */
static enum container_status settled(const struct container *container) {
  enum container_status status = container_status(container);
  if (status != CONTAINER_RUNNING) return status;
  fd_auto pidfd = (int)syscall(SYS_pidfd_open, container->pid, 0);
  if (pidfd < 0 || process_start_time(container->pid) != container->start_time) return container_status(container);
  poll(&(struct pollfd){.fd = pidfd, .events = POLLIN}, 1, ENDED_WITHIN_MS);
  return container_status(container);
}

static bool exists(const char *id) {
  char path[4200];
  struct stat stat_of;
  return snprintf(path, sizeof path, "%s/%s", oci.root, id) < (int)sizeof path && lstat(path, &stat_of) == 0;
}

int oci_delete(int argc, char **argv) {
  static const struct option options[] = {{"force", no_argument, NULL, 'f'}, {0}};
  static const char usage[] = "delete [--force] ID";
  struct container container;
  struct error err = {0};
  bool force = false;
  for (int option; (option = getopt_long(argc, argv, "f", options, NULL)) != -1;) {
    if (option != 'f') return oci_usage(usage);
    force = true;
  }
  if (force && optind + 1 == argc && *argv[optind] && !exists(argv[optind])) return 0;
  if (!oci_container(argc, argv, usage, &container)) return 1;
  enum container_status status = force ? CONTAINER_STOPPED : settled(&container);
  if (status != CONTAINER_STOPPED) {
    error_text(&err, "cannot delete container %s that is not stopped: %s", container.id, container_status_name(status));
    return oci_fail(&err, 1);
  }
  return oci_destroy(&container, &err) < 0 ? oci_fail(&err, 1) : 0;
}
