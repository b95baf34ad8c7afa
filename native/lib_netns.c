#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "lib_api.h"
#include "loopback.h"
#include "lib_netlink.h"
#include "lib_proc.h"
#include "lib_thread.h"
#include "pin_file.h"
#include "scope.h"

struct setting { const char *path, *value; }; /* below /proc */

/* Settings of a container's network that Docker sets too, and: an address that is announced when the link's hardware address is set, so that a
   bridge which knew it on another port learns the new one. */
static const struct setting ALWAYS[] = {
  { "sys/net/ipv4/ip_unprivileged_port_start", "0" },
  { "sys/net/ipv4/ping_group_range", "0 2147483647" },
  { "sys/net/ipv4/conf/default/arp_notify", "1" },
  { NULL, NULL },
};
/* Of links made later; loopback keeps ::1. */
static const struct setting WITHOUT_IPV6[] = {
  { "sys/net/ipv6/conf/default/disable_ipv6", "1" },
  { NULL, NULL },
};
/* Addresses are the engine's to give: they need no search for duplicates, and no neighbour may announce a route. */
static const struct setting WITH_IPV6[] = {
  { "sys/net/ipv6/conf/default/disable_ipv6", "0" },
  { "sys/net/ipv6/conf/default/accept_dad", "0" },
  { "sys/net/ipv6/conf/default/accept_ra", "0" },
  { "sys/net/ipv6/conf/default/ndisc_notify", "1" },
  { NULL, NULL },
};

/* A kernel without the setting (no IPv6, say) has nothing to set. */
static int set_sysctl(int proc, const char *path, const char *value, struct error *err) {
  int fd = openat(proc, path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? 0 : error_errno(err, "open", path);
  ssize_t written = write(fd, value, strlen(value));
  int result = written < 0 ? error_errno(err, "write", path) : 0;
  close(fd);
  return result;
}

static int set_all(int proc, const struct setting *settings, struct error *err) {
  for (; settings->path; settings++)
    if (set_sysctl(proc, settings->path, settings->value, err) < 0) return -1;
  return 0;
}

/* A port of a bridge needs no IPv6 of its own: it would announce itself on the network, and each of its routes makes every change of a link slower. `names` are parted by spaces. */
static int silence_ports(const char *names, struct error *err) {
  char path[64 + IFNAMSIZ];
  for (const char *at = names, *end; *at; at = *end ? end + 1 : end) {
    end = strchrnul(at, ' ');
    if (snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%.*s/disable_ipv6", (int)(end - at), at) >= (int)sizeof path) return error_text(err, "link name too long: %s", names);
    if (set_sysctl(AT_FDCWD, path, "1", err) < 0) return -1;
  }
  return 0;
}

struct made { const char *path; int mounts, there, pinned, ns, ipv6, socket; };

static int enter(const char *netns, struct error *err) {
  int fd = open(netns, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return error_errno(err, "open", netns);
  int result = setns(fd, CLONE_NEWNET) < 0 ? error_errno(err, "setns", netns) : 0;
  close(fd);
  return result;
}

/* One change of links at a time: the kernel has one lock for them all, and a setting that finds it taken is tried again and again instead of waiting for it. */
static pthread_mutex_t links = PTHREAD_MUTEX_INITIALIZER;

static int enter_new(const char *path, struct error *err) {
  pthread_mutex_lock(&links);
  int result = unshare(CLONE_NEWNET) < 0 ? error_errno(err, "unshare", path) : loopback_up(err);
  pthread_mutex_unlock(&links);
  return result;
}

static int set_up(bool ipv6, struct error *err) {
  int proc = proc_root(err);
  if (proc < 0) return -1;
  int result = set_all(proc, ALWAYS, err);
  if (result == 0) result = set_all(proc, ipv6 ? WITH_IPV6 : WITHOUT_IPV6, err);
  close(proc);
  return result;
}

/* One that was made ahead, without IPv6, pinned nowhere: it goes with this process. -1: there is none. */
static int spare = -1;
static pthread_mutex_t spare_lock = PTHREAD_MUTEX_INITIALIZER;

/* Puts one in its place, or none (-1); the one of before is the caller's. */
static int exchange_spare(int fd) {
  pthread_mutex_lock(&spare_lock);
  int former = spare;
  spare = fd;
  pthread_mutex_unlock(&spare_lock);
  return former;
}

static bool enter_spare(void) {
  fd_auto fd = exchange_spare(-1);
  return fd >= 0 && setns(fd, CLONE_NEWNET) == 0;
}

static int create_here(void *argument, struct error *err) {
  struct made *made = argument;
  const char *path = made->path;
  bool ready = !made->there && !made->ipv6 && enter_spare();
  if (!ready) {
    if (made->there ? enter(path, err) < 0 || loopback_up(err) < 0 : enter_new(path, err) < 0) return -1;
    if (set_up(made->ipv6, err) < 0) return -1;
  }
  fd_auto own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  if (own < 0) return error_errno(err, "open", path);
  if (!made->there && pin_file(own, made->mounts, path, err) < 0) return -1;
  made->pinned = 1;
  if (made->ns < 0) return 0;
  if (dup3(own, made->ns, O_CLOEXEC) < 0) return error_errno(err, "dup3", path);
  made->socket = netlink_open(NETLINK_ROUTE, err);
  return made->socket < 0 ? -1 : 0;
}

static int create(struct made *made, struct error *err) {
  int result = run_on_thread(create_here, made, err);
  if (result < 0 && (made->pinned || made->there)) lib_netns_remove(made->path, made->mounts, &(struct error){0}); /* the first error is the one to tell */
  return result;
}

static int make_spare(void *argument, struct error *err) {
  int *made = argument;
  if (enter_new("", err) < 0 || set_up(false, err) < 0) return -1;
  *made = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  return *made < 0 ? error_errno(err, "open", "/proc/thread-self/ns/net") : 0;
}

int lib_netns_spare(struct error *err) {
  int made = -1;
  if (run_on_thread(make_spare, &made, err) < 0) return -1;
  fd_auto former = exchange_spare(made);
  (void)former;
  return 0;
}

void lib_netns_no_spare(void) {
  fd_auto former = exchange_spare(-1);
  (void)former;
}

int lib_netns_create(const char *path, int mounts, int there, struct error *err) {
  struct made made = { .path = path, .mounts = mounts, .there = there, .ns = -1, .socket = -1 };
  return create(&made, err);
}

/* Bytes of the first `count` messages. */
static uint32_t bytes_of(const uint8_t *messages, uint32_t length, uint32_t count) {
  uint32_t at = 0;
  for (; count > 0 && at < length; count--) at += NLMSG_ALIGN(((const struct nlmsghdr *)(const void *)(messages + at))->nlmsg_len);
  return at;
}

/* The first `births` messages make links; those that `ports` names are silenced before the rest brings them up. */
static int exchange_outer(uint32_t births, const char *ports, const uint8_t *outer, uint32_t length, struct replies *replies, struct error *err) {
  uint32_t first = bytes_of(outer, length, births);
  int host = netlink_open(NETLINK_ROUTE, err);
  if (host < 0) return -1;
  int result = netlink_exchange(host, outer, first, replies, err);
  if (result == 0) result = silence_ports(ports, err);
  if (result == 0) result = netlink_exchange(host, outer + first, length - first, replies, err);
  close(host);
  return result;
}

int lib_netns_connect(const char *path, int mounts, int there, int ns, int ipv6, uint32_t births, const char *ports, const uint8_t *outer, uint32_t outer_length, uint8_t **outer_reply, uint32_t *outer_reply_length,
                      const uint8_t *inner, uint32_t inner_length, uint8_t **inner_reply, uint32_t *inner_reply_length, struct error *err) {
  struct made made = { .path = path, .mounts = mounts, .there = there, .ns = ns, .ipv6 = ipv6, .socket = -1 };
  struct replies first = {0}, second = {0};
  int result = create(&made, err);
  if (result == 0) {
    pthread_mutex_lock(&links);
    result = exchange_outer(births, ports, outer, outer_length, &first, err);
    if (result == 0) result = netlink_exchange(made.socket, inner, inner_length, &second, err);
    pthread_mutex_unlock(&links);
    if (result < 0) lib_netns_remove(path, mounts, &(struct error){0});
  }
  if (made.socket >= 0) close(made.socket);
  *outer_reply = first.bytes;
  *outer_reply_length = first.length;
  *inner_reply = second.bytes;
  *inner_reply_length = second.length;
  if (result == 0) return 0;
  free(first.bytes);
  free(second.bytes);
  return -1;
}

struct entered { const char *netns, *path, *value; };

static int write_there(void *argument, struct error *err) {
  const struct entered *entered = argument;
  if (enter(entered->netns, err) < 0) return -1;
  if (!entered->path) {
    int proc = proc_root(err);
    if (proc < 0) return -1;
    int result = set_all(proc, WITH_IPV6, err);
    close(proc);
    return result;
  }
  int fd = open(entered->path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return error_errno(err, "open", entered->path);
  int result = write(fd, entered->value, strlen(entered->value)) < 0 ? error_errno(err, "write", entered->path) : 0;
  close(fd);
  return result;
}

int lib_netns_sysctl(const char *netns, const char *path, const char *value, struct error *err) {
  return run_on_thread(write_there, &(struct entered){netns, path, value}, err);
}

int lib_netns_ipv6(const char *netns, struct error *err) {
  return run_on_thread(write_there, &(struct entered){netns, NULL, NULL}, err);
}

struct pinned { const char *path; int mounts; };

static int unpin(void *argument, struct error *err) {
  const struct pinned *pinned = argument;
  return unpin_file(pinned->mounts, pinned->path, err);
}

int lib_netns_remove(const char *path, int mounts, struct error *err) {
  return mounts < 0 ? unpin_file(-1, path, err) : run_on_thread(unpin, &(struct pinned){path, mounts}, err);
}

/* Programs in it start faster from large pages, which not every kernel has for this. */
static int mount_tmpfs(const char *path) {
  const unsigned long flags = MS_NOSUID | MS_NODEV;
  return mount("bayplan", path, "tmpfs", flags, "mode=0711,huge=within_size") == 0 || (errno == EINVAL && mount("bayplan", path, "tmpfs", flags, "mode=0711") == 0) ? 0 : -1;
}

int lib_mount_private(const char *path, struct error *err) {
  struct statx status;
  if (statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &status) < 0) return error_errno(err, "statx", path);
  int mounted = (status.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) && (status.stx_attributes & STATX_ATTR_MOUNT_ROOT);
  if (!mounted && mount_tmpfs(path) < 0) return error_errno(err, "mount", path);
  if (mount(NULL, path, NULL, MS_PRIVATE, NULL) < 0) return error_errno(err, "mount", path);
  return 0;
}

int lib_mount_detach(const char *path, struct error *err) {
  if (umount2(path, MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT) return error_errno(err, "umount", path);
  return 0;
}
