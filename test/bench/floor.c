// The kernel's floor for `up` and `down`: COUNT containers with the same clone flags, a root overlay, pivot_root and a veth on one bridge, made by one
// small C program with nothing kept, checked or written down.
//   floor COUNT LOWER SCRATCH     LOWER: a root file system with /bin/sleep; SCRATCH: an empty folder
// Prints {"up":MS,"down":MS}: until the last exec; until the last process is reaped, its links and upper folders are gone.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GROUP 7331
static const char *bridge = "floor0";

static void die(const char *what) { perror(what); exit(1); }
static double ms(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6; }

struct message { struct nlmsghdr head; struct ifinfomsg link; char attributes[512]; };

static struct rtattr *put(struct message *m, int type, const void *data, size_t size) {
  struct rtattr *a = (struct rtattr *)((char *)m + NLMSG_ALIGN(m->head.nlmsg_len));
  a->rta_type = (unsigned short)type;
  a->rta_len = (unsigned short)RTA_LENGTH(size);
  if (size) memcpy(RTA_DATA(a), data, size);
  m->head.nlmsg_len = NLMSG_ALIGN(m->head.nlmsg_len) + RTA_ALIGN(a->rta_len);
  return a;
}
static void end(struct message *m, struct rtattr *a) { a->rta_len = (unsigned short)((char *)m + m->head.nlmsg_len - (char *)a); }

static struct message new_message(int type, int flags) {
  struct message m = {.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)), .nlmsg_type = (unsigned short)type, .nlmsg_flags = (unsigned short)(NLM_F_REQUEST | NLM_F_ACK | flags)}};
  return m;
}
static void request(int fd, struct message *m, const char *what) {
  char answer[1024];
  if (send(fd, m, m->head.nlmsg_len, 0) < 0 || recv(fd, answer, sizeof answer, 0) < 0) die(what);
  struct nlmsgerr *e = NLMSG_DATA((struct nlmsghdr *)answer);
  if (e->error == -ENODEV && m->head.nlmsg_type == RTM_DELLINK) return;   // the links went with their namespaces
  if (e->error) { errno = -e->error; die(what); }
}

static void make_bridge(int fd) {
  struct message m = new_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  m.link.ifi_flags = m.link.ifi_change = IFF_UP;
  put(&m, IFLA_IFNAME, bridge, strlen(bridge) + 1);
  struct rtattr *info = put(&m, IFLA_LINKINFO, NULL, 0);
  put(&m, IFLA_INFO_KIND, "bridge", 6);
  end(&m, info);
  request(fd, &m, "bridge");
}

static void make_veth(int fd, int i, pid_t pid) {
  char name[IFNAMSIZ];
  snprintf(name, sizeof name, "floor-%u", (unsigned)i % 100000);
  unsigned master = if_nametoindex(bridge), group = GROUP;
  struct message m = new_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  m.link.ifi_flags = m.link.ifi_change = IFF_UP;
  put(&m, IFLA_IFNAME, name, strlen(name) + 1);
  put(&m, IFLA_MASTER, &master, 4);
  put(&m, IFLA_GROUP, &group, 4);
  struct rtattr *info = put(&m, IFLA_LINKINFO, NULL, 0);
  put(&m, IFLA_INFO_KIND, "veth", 4);
  struct rtattr *data = put(&m, IFLA_INFO_DATA, NULL, 0);
  struct ifinfomsg peer_link = {0};
  struct rtattr *peer = put(&m, VETH_INFO_PEER, &peer_link, sizeof peer_link);
  put(&m, IFLA_IFNAME, "eth0", 5);
  put(&m, IFLA_NET_NS_PID, &pid, 4);
  end(&m, peer); end(&m, data); end(&m, info);
  request(fd, &m, "veth");
}

static void container(const char *lower, const char *scratch, int i) {
  char dir[256], options[1024], path[300];
  snprintf(dir, sizeof dir, "%s/%d", scratch, i);
  mkdir(dir, 0755);
  for (int k = 0; k < 3; k++) { snprintf(path, sizeof path, "%s/%s", dir, (const char *[]){"upper", "work", "root"}[k]); mkdir(path, 0755); }
  snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s/upper,workdir=%s/work", lower, dir, dir);
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) die("private");
  if (mount("overlay", path, "overlay", 0, options) < 0) die("overlay");
  if (chdir(path) < 0) die("chdir");
  mkdir("proc", 0755);
  if (mount("proc", "proc", "proc", 0, NULL) < 0) die("proc");
  if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0) die("pivot_root");
  execl("/bin/sleep", "sleep", "1000", NULL);
  die("exec");
}

int main(int argc, char **argv) {
  if (argc != 4) { fprintf(stderr, "usage: floor COUNT LOWER SCRATCH\n"); return 2; }
  int count = atoi(argv[1]), ready[2];
  pid_t *pids = calloc((size_t)count, sizeof *pids);
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0 || pipe2(ready, O_CLOEXEC) < 0) die("socket");
  double begin = ms();
  make_bridge(fd);
  for (int i = 0; i < count; i++) {
    struct clone_args args = {.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP, .exit_signal = SIGCHLD};
    pids[i] = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pids[i] < 0) die("clone3");
    if (pids[i] == 0) container(argv[2], argv[3], i);
    make_veth(fd, i, pids[i]);
  }
  close(ready[1]);
  char byte;
  if (read(ready[0], &byte, 1) != 0) die("exec");   // every child's copy has gone by its exec
  double up = ms() - begin;

  begin = ms();
  for (int i = 0; i < count; i++) kill(pids[i], SIGKILL);
  for (int i = 0; i < count; i++) waitpid(pids[i], NULL, 0);
  struct message m = new_message(RTM_DELLINK, 0);
  unsigned group = GROUP;
  put(&m, IFLA_GROUP, &group, 4);
  request(fd, &m, "delete group");
  m = new_message(RTM_DELLINK, 0);
  put(&m, IFLA_IFNAME, bridge, strlen(bridge) + 1);
  request(fd, &m, "delete bridge");
  printf("{\"up\":%.1f,\"down\":%.1f}\n", up, ms() - begin);
  return 0;
}
