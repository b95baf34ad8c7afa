#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arena.h"
#include "cgroup.h"
#include "cgroup_stats.h"
#include "oci.h"
#include "scope.h"

#define OOM_LOOK_MS 500

static void print_stats(const struct container *container) {
  puts(json_dumps(json_pack("{s:s, s:s, s:o}", "type", "stats", "id", container->id, "data", cgroup_stats(container->cgroup)), JSON_COMPACT));
  fflush(stdout);
}

/* `5s`, `100ms`, `1m`, or seconds. */
static long interval_of(const char *text) {
  char *end;
  double value = strtod(text, &end);
  if (end == text || value <= 0 || value > 86400) return -1;
  if (strcmp(end, "ms") == 0) return (long)value;
  if (strcmp(end, "m") == 0) return (long)(value * 60000);
  return !*end || strcmp(end, "s") == 0 ? (long)(value * 1000) : -1;
}

/* Statistics at each interval and OOM kills as they are seen, until the container has ended. */
static int follow(const char *id, long interval, struct error *err) {
  struct container container;
  long since = 0, seen = -1;
  if (container_load(&container, oci.root, id, err) < 0) return -1;
  int pid = container.pid;
  fd_auto pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (pidfd < 0) return error_text(err, "container %s is not running", id);
  for (;;) {
    long oom = cgroup_oom_kills(container.cgroup);
    if (seen >= 0 && oom > seen) { printf("{\"type\":\"oom\",\"id\":\"%s\"}\n", id); fflush(stdout); }
    seen = oom;
    if (since == 0) print_stats(&container);
    struct pollfd entry = {.fd = pidfd, .events = POLLIN};
    long pause = interval - since < OOM_LOOK_MS ? interval - since : OOM_LOOK_MS;
    if (poll(&entry, 1, (int)pause) > 0) return 0;
    since = since + pause >= interval ? 0 : since + pause;
    arena_reset(); /* what was printed is not needed any more, the container's record neither */
    if (container_load(&container, oci.root, id, err) < 0) return 0; /* deleted meanwhile */
  }
}

int oci_events(int argc, char **argv) {
  static const struct option options[] = {{"stats", no_argument, NULL, 's'}, {"interval", required_argument, NULL, 'i'}, {0}};
  static const char usage[] = "events [--stats] [--interval DURATION] ID";
  struct container container;
  struct error err = {0};
  bool once = false;
  long interval = 5000;
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (option) {
    case 's': once = true; break;
    case 'i': interval = interval_of(optarg); break;
    default: return oci_usage(usage);
  }
  if (interval <= 0) { error_text(&err, "--interval: a duration of more than 0, as 5s, is wanted"); return oci_fail(&err, 1); }
  if (!oci_container(argc, argv, usage, &container)) return 1;
  if (container_status(&container) == CONTAINER_STOPPED) { error_text(&err, "container %s is not running", container.id); return oci_fail(&err, 1); }
  if (once) { print_stats(&container); return 0; }
  return follow(argv[optind], interval, &err) < 0 ? oci_fail(&err, 1) : 0;
}
