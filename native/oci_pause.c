#include <getopt.h>

#include "cgroup.h"
#include "oci.h"

static int set(int argc, char **argv, bool paused, const char *usage) {
  struct container container;
  struct error err = {0};
  while (getopt_long(argc, argv, "", (const struct option[]){{0}}, NULL) != -1) return oci_usage(usage);
  if (!oci_container(argc, argv, usage, &container)) return 1;
  enum container_status status = container_status(&container);
  bool possible = paused ? status == CONTAINER_RUNNING || status == CONTAINER_CREATED : status == CONTAINER_PAUSED;
  if (!possible) error_text(&err, "cannot %s container %s: it is %s", paused ? "pause" : "resume", container.id, container_status_name(status));
  else if (!container.cgroup) error_text(&err, "container %s has no cgroup to freeze", container.id);
  else if (cgroup_freeze(container.cgroup, paused, &err) == 0) return 0;
  return oci_fail(&err, 1);
}

int oci_pause(int argc, char **argv) { return set(argc, argv, true, "pause ID"); }
int oci_resume(int argc, char **argv) { return set(argc, argv, false, "resume ID"); }
