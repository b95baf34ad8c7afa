#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "lib_api.h"
#include "lib_thread.h"

/* Settings of a container's network that Docker sets too, and: no IPv6 on links made later (loopback keeps ::1), and an address that
   is announced when the link's hardware address is set, so that a bridge which knew it on another port learns the new one. */
static const struct { const char *path, *value; } SYSCTLS[] = {
  { "/proc/sys/net/ipv4/ip_unprivileged_port_start", "0" },
  { "/proc/sys/net/ipv4/ping_group_range", "0 2147483647" },
  { "/proc/sys/net/ipv4/conf/default/arp_notify", "1" },
  { "/proc/sys/net/ipv6/conf/default/disable_ipv6", "1" },
};

/* A kernel without the setting (no IPv6, say) has nothing to set. */
static int set_sysctl(const char *path, const char *value, struct error *err) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? 0 : error_errno(err, "open", path);
  ssize_t written = write(fd, value, strlen(value));
  int result = written < 0 ? error_errno(err, "write", path) : 0;
  close(fd);
  return result;
}

static int loopback_up(struct error *err) {
  struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return error_errno(err, "socket", NULL);
  int result = ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? error_errno(err, "ioctl", "lo") : 0;
  close(fd);
  return result;
}

static int create_here(void *argument, struct error *err) {
  const char *path = argument;
  if (unshare(CLONE_NEWNET) < 0) return error_errno(err, "unshare", path);
  for (size_t i = 0; i < sizeof SYSCTLS / sizeof *SYSCTLS; i++)
    if (set_sysctl(SYSCTLS[i].path, SYSCTLS[i].value, err) < 0) return -1;
  if (loopback_up(err) < 0) return -1;
  if (mount("/proc/thread-self/ns/net", path, NULL, MS_BIND, NULL) < 0) return error_errno(err, "mount", path);
  return 0;
}

int lib_netns_create(const char *path, struct error *err) {
  int fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
  if (fd < 0) return error_errno(err, "open", path);
  close(fd);
  int result = run_on_thread(create_here, (void *)path, err);
  if (result < 0) unlink(path);
  return result;
}

int lib_netns_remove(const char *path, struct error *err) {
  /* EINVAL: not a mount point any more. */
  if (umount2(path, MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT) return error_errno(err, "umount", path);
  if (unlink(path) < 0 && errno != ENOENT) return error_errno(err, "unlink", path);
  return 0;
}

int lib_mount_private(const char *path, struct error *err) {
  struct statx status;
  if (statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &status) < 0) return error_errno(err, "statx", path);
  int mounted = (status.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) && (status.stx_attributes & STATX_ATTR_MOUNT_ROOT);
  if (!mounted && mount("bayplan", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0711") < 0) return error_errno(err, "mount", path);
  if (mount(NULL, path, NULL, MS_PRIVATE, NULL) < 0) return error_errno(err, "mount", path);
  return 0;
}

int lib_mount_detach(const char *path, struct error *err) {
  if (umount2(path, MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT) return error_errno(err, "umount", path);
  return 0;
}
