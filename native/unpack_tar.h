#pragma once
#include <limits.h>
#include <sys/types.h>
#include <time.h>
#include "unpack_stream.h"

enum { XATTRS = 32 };

/* One entry of an archive. Names are bytes, at most PATH_MAX with the NUL, and hold none; nothing else has been checked about them. */
struct tar_entry {
  char type;              /* '0' regular, '1' hard link, '2' symlink, '3' character, '4' block device, '5' folder, '6' fifo */
  char name[PATH_MAX];
  char target[PATH_MAX];  /* of a link */
  mode_t mode;            /* permission bits alone, with setuid, setgid and sticky */
  uid_t uid;
  gid_t gid;
  uint64_t size;          /* bytes of content that follow; 0 but for regular files */
  struct timespec mtime;
  unsigned major, minor;
  size_t xattr_count;
  struct { char *name; void *value; size_t size; } xattrs[XATTRS]; /* in `records` */
  char *records;
};

/* Reads headers of ustar, pax (POSIX.1-2001), GNU and v7 up to the next entry. 1; 0 at the end of the archive; -1 on failure. The content of the
   entry before and its padding must have been taken. `entry` starts zeroed, and is freed by tar_entry_free. */
int tar_next(struct stream *stream, struct tar_entry *entry, struct error *err);
void tar_entry_free(struct tar_entry *entry);
/* A name as an error shows it, cut where it is very long. */
const char *tar_shown(const char *name, char *text, size_t size);
