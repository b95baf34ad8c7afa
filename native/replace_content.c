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
#include "mount_swap.h"
#include "scope.h"

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

/* Whether a config or secret is mounted there, and not something else whose place a link of the container's leads to. */
static bool is_content(int fd, const struct statx *found) {
  struct statfs fs;
  return (found->stx_attributes & STATX_ATTR_MOUNT_ROOT) && S_ISREG(found->stx_mode) && fstatfs(fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
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
  return mount_swap(root, self, tree, request->content.target, is_content, "no config or secret", err);
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
