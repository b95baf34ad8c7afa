#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "arena.h"
#include "config.h"
#include "content.h"
#include "core.h"
#include "file.h"
#include "inroot.h"
#include "mapping.h"
#include "scope.h"

#ifndef MOVE_MOUNT_BENEATH
#define MOVE_MOUNT_BENEATH 0x00000200 /* Linux 6.5 */
#endif

struct request {
  int pid;
  unsigned long long start_time;
  struct mount_spec content;
  struct config config; /* of the container no more than its users, and a folder to mount on meanwhile */
};

static bool read_options(int argc, char **argv, struct request *request, struct error *err) {
  static const struct option options[] = {
    {"pid", required_argument, NULL, 'p'}, {"start-time", required_argument, NULL, 't'}, {"source", required_argument, NULL, 's'}, {"target", required_argument, NULL, 'd'},
    {"options", required_argument, NULL, 'o'}, {"place", required_argument, NULL, 'P'}, {"uids", required_argument, NULL, 'U'}, {"gids", required_argument, NULL, 'G'}, {0},
  };
  struct mappings *users = &request->config.mappings;
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (option) {
    case 'p': request->pid = atoi(optarg); break;
    case 't': request->start_time = strtoull(optarg, NULL, 10); break;
    case 's': request->content.source = optarg; break;
    case 'd': request->content.target = optarg; break;
    case 'o': request->content.data = optarg; break;
    case 'P': request->config.root = optarg; break;
    case 'U': if (mapping_parse(optarg, &users->uids, &users->uid_count, err) < 0) return false; break;
    case 'G': if (mapping_parse(optarg, &users->gids, &users->gid_count, err) < 0) return false; break;
    default: return false;
  }
  return optind == argc && request->pid > 0 && request->content.source && request->content.target && request->config.root;
}

static int mount_at(int fd, struct statx *found) { return statx(fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_MNT_ID, found); }

/* Whether a config or secret is mounted there, and not something else whose place a link of the container's leads to. */
static bool is_content(int fd, const struct statx *found) {
  struct statfs fs;
  return (found->stx_attributes & STATX_ATTR_MOUNT_ROOT) && S_ISREG(found->stx_mode) && fstatfs(fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

/* The mount that a descriptor is of goes, and the one beneath it is seen. `self`: the /proc/self/fd of outside, for the container need not have one. */
static int uncover(int self, int fd, const char *target, struct error *err) {
  char name[16];
  snprintf(name, sizeof name, "%d", fd);
  return fchdir(self) < 0 || umount2(name, MNT_DETACH) < 0 ? error_errno(err, "umount2", target) : 0;
}

/* At each moment the one or the other is seen, whole. Before Linux 6.5 the former stays below the new one, where nobody sees it, until the container ends. */
static int swap(int root, int self, int tree, const char *target, struct error *err) {
  struct statx before, now, made;
  fd_auto old = inroot_open(root, target, O_PATH);
  if (old < 0 || mount_at(old, &before) < 0) return error_errno(err, "open", target);
  if (!is_content(old, &before)) return error_text(err, "%s: what is mounted there is no config or secret", target);
  const unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  bool beneath = move_mount(tree, "", old, "", flags | MOVE_MOUNT_BENEATH) == 0;
  if (!beneath && move_mount(tree, "", old, "", flags) < 0) return error_errno(err, "move_mount", target);
  if (beneath && uncover(self, old, target, err) < 0) return -1;
  fd_auto seen = inroot_open(root, target, O_PATH);
  if (seen < 0 || mount_at(seen, &now) < 0 || mount_at(tree, &made) < 0) return error_errno(err, "open", target);
  return now.stx_mnt_id == made.stx_mnt_id ? 0 : error_text(err, "%s: another mount is seen there than the one that was made", target);
}

static int run(struct request *request, struct error *err) {
  struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
  prctl(PR_SET_DUMPABLE, 0); /* what it holds is nobody's to look at */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  fd_auto target = (int)syscall(SYS_pidfd_open, request->pid, 0);
  if (target < 0) return error_errno(err, "pidfd_open", "the container's process");
  if (request->start_time && process_start_time(request->pid) != request->start_time) return error_text(err, "process %d is not the container's any more", request->pid);
  fd_auto self = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (self < 0) return error_errno(err, "open", "/proc/self/fd");
  if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) return error_errno(err, "unshare", "the mount namespace");
  fd_auto tree = content_tree(&request->config, &request->content, err);
  if (tree < 0) return -1;
  if (mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0) return error_errno(err, "mount_setattr", request->content.target);
  if (setns(target, CLONE_NEWNS) < 0) return error_errno(err, "setns", "the container's mount namespace");
  fd_auto root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return error_errno(err, "open", "the container's root");
  return swap(root, self, tree, request->content.target, err);
}

int cmd_replace_content(int argc, char **argv) {
  struct request request = {.content.data = ""};
  struct error err = {0};
  arena_open();
  bool understood = read_options(argc, argv, &request, &err);
  if (err.text[0]) { /* said already */
  } else if (!understood) error_text(&err, "usage: bayplan-core replace-content --pid PID --start-time T --source FILE --target PATH --place DIR [--options uid=N,gid=N,mode=OCTAL] [--uids INSIDE:OUTSIDE:SIZE[,…] --gids …]");
  else if (run(&request, &err) == 0) return 0;
  error_write(2, &err);
  return 1;
}
