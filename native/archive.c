#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive_remove.h"
#include "archive_write.h"
#include "arena.h"
#include "container_root.h"
#include "core.h"
#include "deep_tree.h"
#include "file.h"
#include "inroot.h"
#include "mapping.h"
#include "scope.h"
#include "unpack_tree.h"
#include "user.h"

struct request {
  const char *verb, *path, *name, *upper, *tree, *owner;
  struct container_ref container;
  struct tree_merge merge;
  struct mappings users; /* of an upper folder */
};

static bool read_options(int argc, char **argv, struct request *request, struct error *err) {
  static const struct option options[] = {
    {"pid", required_argument, NULL, 'p'}, {"start-time", required_argument, NULL, 't'}, {"bundle", required_argument, NULL, 'b'}, {"path", required_argument, NULL, 'P'},
    {"name", required_argument, NULL, 'n'}, {"owner", required_argument, NULL, 'o'}, {"keep-kinds", no_argument, NULL, 'k'}, {"upper", required_argument, NULL, 'u'},
    {"tree", required_argument, NULL, 'T'}, {"uids", required_argument, NULL, 'U'}, {"gids", required_argument, NULL, 'G'}, {0},
  };
  if (argc < 2) return false;
  request->verb = argv[1];
  for (int option; (option = getopt_long(argc - 1, argv + 1, "", options, NULL)) != -1;) switch (option) {
    case 'p': request->container.pid = atoi(optarg); break;
    case 't': request->container.start_time = strtoull(optarg, NULL, 10); break;
    case 'b': request->container.bundle = optarg; break;
    case 'P': request->path = optarg; break;
    case 'n': request->name = optarg; break;
    case 'o': request->owner = optarg; break;
    case 'k': request->merge.keep_kinds = true; break;
    case 'u': request->upper = optarg; break;
    case 'T': request->tree = optarg; break;
    case 'U': if (mapping_parse(optarg, &request->users.uids, &request->users.uid_count, err) < 0) return false; break;
    case 'G': if (mapping_parse(optarg, &request->users.gids, &request->users.gid_count, err) < 0) return false; break;
    default: return false;
  }
  return optind == argc - 1 && request->path && (request->container.pid || request->container.bundle || request->upper || request->tree);
}

/* Where a descriptor's file is, as this process sees names; ENOENT where it is nowhere any more, of which the kernel makes a name of its own. */
static ssize_t place_of(int self, int fd, char *place) {
  char name[16];
  struct stat st;
  if (fstat(fd, &st) == 0 && st.st_nlink == 0) { errno = ENOENT; return -1; }
  snprintf(name, sizeof name, "%d", fd);
  ssize_t n = readlinkat(self, name, place, PATH_MAX - 1);
  if (n >= 0) place[n] = 0;
  return n;
}

/* Where a link leads below the root; where nothing is there, what it says. */
static void link_target(int root, int self, const char *path, int link, char *target) {
  fd_auto there = inroot_open(root, path, O_PATH);
  if (there >= 0 && place_of(self, there, target) >= 0) return;
  ssize_t n = readlinkat(link, "", target, PATH_MAX - 1);
  target[n < 0 ? 0 : n] = 0;
}

/* One line that says what is at the path: the last link of it is not followed. */
static int tell(int root, int self, const char *path, struct error *err) {
  char target[PATH_MAX] = "";
  struct stat st;
  fd_auto fd = inroot_open(root, path, O_PATH | O_NOFOLLOW);
  if (fd < 0 || fstat(fd, &st) < 0) return error_errno(err, "open", path);
  if (S_ISLNK(st.st_mode)) link_target(root, self, path, fd, target);
  json_t *line = json_pack("{s:i s:I s:i s:I s:i s:o}", "version", 1, "size", (json_int_t)st.st_size, "mode", (int)st.st_mode, "mtime", (json_int_t)st.st_mtim.tv_sec, "nanoseconds", (int)st.st_mtim.tv_nsec,
    "target", json_string(target) ?: json_string(""));
  char *text = json_dumps(line, JSON_COMPACT);
  if (!text) return error_text(err, "out of memory");
  if (file_write_all(1, text, strlen(text)) < 0 || file_write_all(1, "\n", 1) < 0) return error_errno(err, "write", "stdout");
  return 0;
}

/* A name in the archive is one below the folder. */
static int below(const char *folder, char *name, struct error *err) {
  char copy[PATH_MAX];
  strcpy(copy, name);
  if (snprintf(name, PATH_MAX, "%s/%s", folder, copy) >= PATH_MAX) { errno = ENAMETOOLONG; return error_errno(err, "open", copy); }
  return 0;
}

/* Whether an entry is the folder itself, which keeps its owner and mode. */
static bool is_folder_itself(const char *name) { return name[strspn(name, "./")] == 0 && !strstr(name, ".."); }

static int merge_entries(const char *folder, struct stream *stream, struct tree *tree, struct error *err) {
  static struct tar_entry entry;
  for (;;) {
    int rc = tar_next(stream, &entry, err);
    if (rc == 0) break;
    uint64_t padding = (512 - entry.size % 512) % 512;
    if (rc > 0 && entry.type == '5' && is_folder_itself(entry.name)) rc = 0;
    else if (rc > 0 && (below(folder, entry.name, err) < 0 || (entry.type == '1' && below(folder, entry.target, err) < 0))) rc = -1;
    else if (rc > 0) rc = tree_add(tree, &entry, stream, err);
    if (rc >= 0) rc = stream_skip_at_most(stream, padding, err);
    tar_entry_free(&entry);
    if (rc < 0) return -1;
  }
  return tree_finish(tree, err);
}

/* Of the container's own users, whose root this is. */
static int find_owner(const char *user, struct tree_merge *merge, struct error *err) {
  static struct identity identity;
  struct process_spec process = {.user = user};
  if (user_resolve(&process, &identity, err) < 0) return -1;
  *merge = (struct tree_merge){merge->keep_kinds, true, identity.uid, identity.gid};
  return 0;
}

static int merge(int root, int self, struct request *request, struct error *err) {
  char folder[PATH_MAX];
  fd_auto fd = inroot_open(root, request->path, O_PATH | O_DIRECTORY);
  if (fd < 0) return error_errno(err, "open", request->path);
  if (place_of(self, fd, folder) < 0) return error_errno(err, "readlink", request->path);
  if (request->owner && find_owner(request->owner, &request->merge, err) < 0) return -1;
  umask(0);
  struct tree *tree = tree_open("/", err);
  if (!tree) return -1;
  tree_merge(tree, &request->merge);
  struct stream *stream = stream_open(0, err);
  int rc = stream ? merge_entries(folder, stream, tree, err) : -1;
  char digest[65];
  uint64_t size;
  if (rc == 0) rc = stream_finish(stream, digest, &size, err); /* whoever sends it shall not find the pipe closed */
  stream_close(stream);
  tree_close(tree);
  return rc;
}

static int layer(const struct request *request, struct error *err) {
  const char *folder = request->upper ? request->upper : request->tree;
  fd_auto upper = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (upper < 0) return error_errno(err, "open", folder);
  if (request->tree) return archive_write_changes(upper, stdin, 1, err);
  return archive_write(upper, &(struct archive_options){.path = ".", .name = "", .layer = true, .users = &request->users}, 1, err);
}

static int run(struct request *request, struct error *err) {
  int self = -1;
  deep_tree_prepare();
  if (strcmp(request->verb, "layer") == 0 && (request->upper || request->tree)) return layer(request, err);
  bool export = strcmp(request->verb, "export") == 0;
  request->container.mounts = !export;
  fd_auto root = container_root_enter(&request->container, &self, err);
  if (root < 0) return -1;
  if (export) return archive_write(root, &(struct archive_options){.path = ".", .name = "", .one_mount = true}, 1, err);
  if (strcmp(request->verb, "put") == 0) return merge(root, self, request, err);
  if (strcmp(request->verb, "remove") == 0) return archive_remove(root, request->path, err);
  if (tell(root, self, request->path, err) < 0) return -1;
  if (strcmp(request->verb, "stat") == 0) return 0;
  return archive_write(root, &(struct archive_options){.path = request->path, .name = request->name ? request->name : ""}, 1, err);
}

int cmd_archive(int argc, char **argv) {
  struct request request = {0};
  struct error err = {0};
  arena_open();
  bool understood = read_options(argc, argv, &request, &err);
  if (err.text[0]) { /* said already */
  } else if (!understood || (strcmp(request.verb, "stat") && strcmp(request.verb, "get") && strcmp(request.verb, "put") && strcmp(request.verb, "remove") && strcmp(request.verb, "export") && strcmp(request.verb, "layer")))
    error_text(&err, "usage: bayplan-core archive stat|get|put|remove|export --path PATH [--name NAME] [--owner USER[:GROUP]] [--keep-kinds] (--pid PID --start-time T | --bundle DIR), or layer --path . (--upper DIR [--uids INSIDE:OUTSIDE:SIZE[,…] --gids …] | --tree DIR)");
  else if (run(&request, &err) == 0) return 0;
  error_write(2, &err);
  return 1;
}
