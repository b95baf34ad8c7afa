#include <getopt.h>
#include <errno.h>
#include <unistd.h>

#include "launch.h"
#include "oci.h"

static int start(struct container *container, struct error *err) {
  struct config config;
  static char relayed[8192];
  char path[4200];
  enum container_status status = container_status(container);
  if (status != CONTAINER_CREATED) return error_text(err, "cannot start container %s: it is %s, not created", container->id, container_status_name(status));
  if (container_config(container, &config, err) < 0) return -1;
  int fd = container_connect(container, "start.sock", err);
  if (fd < 0) return -1;
  struct container_state state = {config.version, container->id, container->bundle, &config};
  int result = launch_read(fd, -1, 0, NULL, relayed, sizeof relayed, err);
  close(fd);
  unlink(container_path(container, "start.sock", path));
  if (result < 0) {
    struct error ignored;
    if (!err->exit_code) oci_destroy(container, &ignored); /* a hook failed; a program that could not be run leaves a stopped container */
    return -1;
  }
  if (config.hooks[HOOK_POSTSTART].count) hooks_run_all(&config, HOOK_POSTSTART, hooks_state(&state, "running", container->pid), oci_warn);
  return 0;
}

int oci_start(int argc, char **argv) {
  struct container container;
  struct error err = {0};
  while (getopt_long(argc, argv, "", (const struct option[]){{0}}, NULL) != -1) return oci_usage("start ID");
  if (!oci_container(argc, argv, "start ID", &container)) return 1;
  return start(&container, &err) < 0 ? oci_fail(&err, 1) : 0;
}
