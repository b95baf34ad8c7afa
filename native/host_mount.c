#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena.h"
#include "bind.h"
#include "config.h"
#include "core.h"
#include "loop.h"
#include "overlay.h"
#include "scope.h"

/* Volumes that are file systems of their own. A process of its own, because a server that does not answer may hold it for ever: it can be killed. */

/* `options` is cut up. */
static int read_options(char *options, struct mount_spec *spec, bool *loop, struct error *err) {
  spec->data = "";
  for (char *option; (option = strsep(&options, ","));) {
    if (strcmp(option, "loop") == 0) *loop = true;
    else if (*option && !config_mount_option(spec, option)) spec->data = *spec->data ? arena_format("%s,%s", spec->data, option) : option;
    if (!spec->data) return error_text(err, "mount: the options are too long");
  }
  return 0;
}

/* What is bound goes on something of its own kind, a new file or folder. */
static int make_place(const char *target, int tree, struct error *err) {
  struct stat stat;
  if (fstat(tree, &stat) < 0) return error_errno(err, "fstat", target);
  if (S_ISDIR(stat.st_mode)) return mkdir(target, 0755) < 0 ? error_errno(err, "mkdir", target) : 0;
  fd_auto file = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  return file < 0 ? error_errno(err, "open", target) : 0;
}

static int bind(const struct mount_spec *spec, bool place, struct error *err) {
  static const struct config plain;
  fd_auto tree = spec->subpath ? bind_tree(&plain, spec, err) : open_tree(AT_FDCWD, spec->source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (spec->deep ? AT_RECURSIVE : 0));
  if (tree < 0) return spec->subpath ? -1 : error_errno(err, "open_tree", spec->source);
  struct mount_attr attr = {.attr_set = spec->attr_set, .attr_clr = spec->attr_clear};
  if (place && make_place(spec->target, tree, err) < 0) return -1;
  if ((attr.attr_set || attr.attr_clr) && mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0) return error_errno(err, "mount_setattr", spec->source);
  return move_mount(tree, "", AT_FDCWD, spec->target, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? error_errno(err, "move_mount", spec->target) : 0;
}

static int file_system(const struct mount_spec *spec, bool loop, struct error *err) {
  char path[32];
  fd_auto device = loop ? loop_attach(spec->source, spec->flags & MS_RDONLY, path, err) : -1;
  if (loop && device < 0) return -1;
  if (mount(loop ? path : spec->source, spec->target, spec->type, spec->flags, *spec->data ? spec->data : NULL) < 0) return error_errno(err, "mount", spec->source);
  return 0;
}

static int run(struct mount_spec *spec, char *options, bool place, struct error *err) {
  bool loop = false;
  if (read_options(options, spec, &loop, err) < 0) return -1;
  if ((spec->bind ? bind(spec, place, err) : file_system(spec, loop, err)) < 0) return -1;
  unsigned long propagation = spec->propagation | (spec->propagation_deep ? MS_REC : 0);
  return propagation && mount(NULL, spec->target, NULL, propagation, NULL) < 0 ? error_errno(err, "mount", spec->target) : 0;
}

/* At most a page, as mount(2) takes. NULL: there are more. */
static char *read_input(void) {
  static char text[4096];
  size_t used = 0;
  for (ssize_t n; (n = read(0, text + used, sizeof text - used)) != 0; used += (size_t)n)
    if (n < 0 || used + (size_t)n == sizeof text) return NULL;
  text[used] = 0;
  return text;
}

int cmd_mount(int argc, char **argv) {
  static const struct option names[] = {
    {"type", required_argument, NULL, 't'}, {"source", required_argument, NULL, 's'}, {"target", required_argument, NULL, 'd'}, {"options", required_argument, NULL, 'o'}, {"cwd", required_argument, NULL, 'c'},
    {"place", no_argument, NULL, 'p'}, {0},
  };
  struct mount_spec spec = {.type = "", .attr_set = 0};
  char *options = NULL;
  const char *cwd = NULL;
  bool unread = false, place = false;
  struct error err = {0};
  for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) switch (option) {
    case 't': spec.type = optarg; break;
    case 's': spec.source = optarg; break;
    case 'd': spec.target = optarg; break;
    case 'c': cwd = optarg; break;
    case 'p': place = true; break;
    case 'o':
      if (strcmp(optarg, "-") != 0) options = optarg;
      else if (!(options = read_input())) unread = true;
      break;
    default: return 2;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* whoever comes after the engine looks for itself what is mounted */
  arena_open();
  if (!spec.source || !spec.target) error_text(&err, "usage: bayplan-core mount [--type TYPE] --source DEVICE --target DIR [--options OPTIONS] [--cwd DIR] [--place]");
  else if (unread) error_text(&err, "mount: the options cannot be read, or are longer than mount(2) takes");
  else if ((cwd ? overlay_mount(spec.target, options ? options : "", cwd, -1, &err) : run(&spec, options, place, &err)) >= 0) return 0;
  error_write(2, &err);
  return 1;
}

int cmd_make_source(int argc, char **argv) {
  struct error err = {0};
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (argc != 3 || strcmp(argv[1], "--path") != 0) error_text(&err, "usage: bayplan-core make-source --path DIR");
  else if (bind_make_source(argv[2], &err) == 0) return 0;
  error_write(2, &err);
  return 1;
}

int cmd_umount(int argc, char **argv) {
  struct error err = {0};
  bool all = argc == 4 && strcmp(argv[1], "--all") == 0;
  argv += all;
  if (argc != 3 + all || strcmp(argv[1], "--target") != 0) error_text(&err, "usage: bayplan-core umount [--all] --target DIR");
  /* Detached: gone from sight at once, also where its server has died and what is left to be written goes nowhere. */
  else if (umount2(argv[2], MNT_DETACH | UMOUNT_NOFOLLOW) == 0 || (all && (errno == EINVAL || errno == ENOENT))) {
    while (all && umount2(argv[2], MNT_DETACH | UMOUNT_NOFOLLOW) == 0) continue;
    return 0;
  }
  else error_errno(&err, "umount2", argv[2]);
  error_write(2, &err);
  return 1;
}
