#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "core.h"
#include "user.h"

/* A user by the names that a root's own passwd and group know, for runtimes that take numbers alone. */

static json_t *numbers(const gid_t *gids, size_t count) {
  json_t *list = json_array();
  for (size_t i = 0; i < count; i++) json_array_append_new(list, json_integer(gids[i]));
  return list;
}

static int run(const char *root, const struct process_spec *process, struct error *err) {
  static struct identity identity;
  if (chroot(root) < 0 || chdir("/") < 0) return error_errno(err, "chroot", root); /* no link in there leads out */
  if (user_resolve(process, &identity, err) < 0) return -1;
  json_t *line = json_pack("{s:i s:I s:I s:o s:s}", "version", 1, "uid", (json_int_t)identity.uid, "gid", (json_int_t)identity.gid, "gids", numbers(identity.gids, identity.gid_count), "home", identity.home);
  char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
  if (!text) return error_text(err, "the home of user %s is not UTF-8", process->user);
  return puts(text) < 0 || fflush(stdout) != 0 ? error_errno(err, "write", "stdout") : 0;
}

int cmd_identity(int argc, char **argv) {
  static const struct option options[] = {{"root", required_argument, NULL, 'r'}, {"user", required_argument, NULL, 'u'}, {"groups", required_argument, NULL, 'g'}, {0}};
  const char *root = NULL;
  struct process_spec process = {.user = "0"};
  struct error err = {0};
  bool odd = false;
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (option) {
    case 'r': root = optarg; break;
    case 'u': process.user = optarg; break;
    case 'g': process.groups = optarg; break;
    default: odd = true;
  }
  if (odd || !root || optind != argc) error_text(&err, "usage: bayplan-core identity --root DIR [--user USER[:GROUP]] [--groups GROUP,…]");
  else if (run(root, &process, &err) == 0) return 0;
  error_write(2, &err);
  return 1;
}
