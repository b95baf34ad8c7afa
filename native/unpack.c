#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "core.h"
#include "deep_tree.h"
#include "unpack_tree.h"

static int unpack(struct stream *stream, struct tree *tree, unsigned long long *entries, struct error *err) {
  static struct tar_entry entry;
  for (;;) {
    int rc = tar_next(stream, &entry, err);
    if (rc == 0) break;
    uint64_t padding = (512 - entry.size % 512) % 512;
    if (rc > 0) rc = tree_add(tree, &entry, stream, err);
    if (rc >= 0) rc = stream_skip_at_most(stream, padding, err); /* some writers leave the last one out, and other readers take that */
    tar_entry_free(&entry);
    if (rc < 0) return -1;
    ++*entries;
  }
  return tree_finish(tree, err);
}

static int run(const char *dest, bool whole, struct error *err) {
  char digest[65];
  uint64_t size = 0;
  unsigned long long entries = 0;
  deep_tree_prepare(); /* removing a deep folder is such a walk */
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* without the engine nobody would use the folder, and the next engine removes it */
  umask(0);
  struct tree *tree = tree_open(dest, err);
  if (!tree) return -1;
  if (whole) tree_whole(tree);
  struct stream *stream = stream_open(0, err);
  int rc = stream ? unpack(stream, tree, &entries, err) : -1;
  if (rc == 0) rc = stream_finish(stream, digest, &size, err);
  if (rc == 0 && size == 0) rc = error_text(err, "the layer is empty, not even a tar archive's end");
  if (rc == 0) rc = tree_sync(tree, err);
  stream_close(stream);
  tree_close(tree);
  if (rc == 0) printf("{\"version\":1,\"diffId\":\"sha256:%s\",\"size\":%llu,\"entries\":%llu}\n", digest, (unsigned long long)size, entries);
  if (rc == 0 && fflush(stdout) != 0) rc = error_errno(err, "write", "stdout");
  return rc;
}

int cmd_unpack(int argc, char **argv) {
  struct error err = {0};
  bool whole = argc == 4 && strcmp(argv[3], "--whole") == 0;
  if ((argc != 3 && !whole) || strcmp(argv[1], "--dest") != 0) error_text(&err, "usage: bayplan-core unpack --dest DIR [--whole]");
  else if (run(argv[2], whole, &err) == 0) return 0;
  error_write(2, &err);
  return 1;
}
