#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arena.h"
#include "cgroup.h"
#include "file.h"
#include "oci.h"
#include "scope.h"

/* What a shell in `rootfs` needs, with the rights that containers usually have. */
static const char usual[] = "{"
"\"ociVersion\":\"1.2.0\","
"\"process\":{\"terminal\":true,\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"sh\"],"
"\"env\":[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\"TERM=xterm\"],\"cwd\":\"/\","
"\"capabilities\":{\"bounding\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"],\"effective\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"],"
"\"permitted\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"]},"
"\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":1024,\"soft\":1024}],\"noNewPrivileges\":true},"
"\"root\":{\"path\":\"rootfs\",\"readonly\":true},\"hostname\":\"bayplan\","
"\"mounts\":["
"{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
"{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"]},"
"{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\",\"options\":[\"nosuid\",\"noexec\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\",\"gid=5\"]},"
"{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\",\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"mode=1777\",\"size=65536k\"]},"
"{\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\",\"source\":\"mqueue\",\"options\":[\"nosuid\",\"noexec\",\"nodev\"]},"
"{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\",\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]},"
"{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\",\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"ro\"]}],"
"\"linux\":{\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]},"
"\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"},{\"type\":\"cgroup\"}],"
"\"maskedPaths\":[\"/proc/acpi\",\"/proc/asound\",\"/proc/kcore\",\"/proc/keys\",\"/proc/latency_stats\",\"/proc/timer_list\",\"/proc/timer_stats\",\"/proc/sched_debug\",\"/sys/firmware\",\"/proc/scsi\"],"
"\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\",\"/proc/sysrq-trigger\"]}}";

static int write_spec(const char *bundle, struct error *err) {
  json_t *object = json_loads(usual, 0, NULL), *namespaces = json_object_get(json_object_get(object, "linux"), "namespaces");
  if (!cgroup_pure_v2(NULL)) json_array_remove(namespaces, json_array_size(namespaces) - 1); /* as runc's: with version 1 the host's cgroup namespace is usual */
  char *text = object ? json_dumps(object, JSON_INDENT(2)) : NULL, *path = arena_format("%s/config.json", bundle);
  if (!text || !path) return error_text(err, "out of memory");
  fd_auto fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0 && errno == EEXIST) return error_text(err, "File config.json exists. Remove it first");
  if (fd < 0) return error_errno(err, "open", path);
  return file_write_all(fd, text, strlen(text)) < 0 || file_write_all(fd, "\n", 1) < 0 ? error_errno(err, "write", path) : 0;
}

int oci_spec(int argc, char **argv) {
  static const struct option options[] = {{"bundle", required_argument, NULL, 'b'}, {"rootless", no_argument, NULL, 'r'}, {0}};
  static const char usage[] = "spec [--bundle DIR]";
  struct error err = {0};
  const char *bundle = ".";
  for (int option; (option = getopt_long(argc, argv, "b:", options, NULL)) != -1;) switch (option) {
    case 'b': bundle = optarg; break;
    case 'r': error_text(&err, "--rootless is not supported: this runtime needs root"); return oci_fail(&err, 1);
    default: return oci_usage(usage);
  }
  if (optind != argc) return oci_usage(usage);
  return write_spec(bundle, &err) < 0 ? oci_fail(&err, 1) : 0;
}
