#pragma once
#include <stdbool.h>
#include <stdio.h>
#include "config.h"

/* Writes tar archives (ustar with pax records where needed) of what lies below a folder's descriptor, never through a symlink. */
struct archive;

struct archive_options {
  const char *path;     /* what is archived, below `root`; resolved there, the last link not followed */
  const char *name;     /* its name in the archive; "" for the content alone */
  bool one_mount;       /* what is mounted below is an empty folder or file in the archive */
  bool shallow;         /* folders without what is in them */
  bool layer;           /* an overlay's upper folder: whiteouts as OCI layers have them */
  const struct mappings *users; /* owners as they are in a namespace with these; NULL: as they are */
};

/* A layer of some files of `root`: `changes` are as `bayplan-core changes` prints them, in the order of their names, folders without what is in them. */
int archive_write_changes(int root, FILE *changes, int out, struct error *err);
/* The whole archive, its end included, to `out`. */
int archive_write(int root, const struct archive_options *options, int out, struct error *err);
