#pragma once
#include <stdbool.h>
#include <sys/types.h>
#include "config.h"

/* A container of the OCI command line, as its record below the root folder tells: ROOT/ID/state.json (version 1; making.json until it has a process), a copy of the config.json it
   was made from, and `start.sock` as long as it waits for its start. */
struct container {
  char id[256], folder[4096];
  int pid;                        /* of its first process, as the host sees it; 0: none was made */
  unsigned long long start_time;  /* tells it from a later one with the same number */
  int maker;                      /* the process that makes it, as long as it has none of its own */
  unsigned long long maker_start_time;
  bool plain;                     /* its end asks for nothing that the configuration says: all it mounted is its own, and no hook runs */
  const char *bundle, *cgroup, *created, *rootfs, *version, *owner; /* absolute; RFC 3339; the uid of who made it */
};
enum container_status { CONTAINER_CREATING, CONTAINER_CREATED, CONTAINER_RUNNING, CONTAINER_PAUSED, CONTAINER_STOPPED };

/* Takes the name: makes its folder, which nobody else may have. */
int container_make(struct container *container, const char *root, const char *id, struct error *err);
/* Writes the record. */
int container_save(const struct container *container, struct error *err);
int container_load(struct container *container, const char *root, const char *id, struct error *err);
/* The configuration it was made from; relative paths start at its bundle. */
int container_config(const struct container *container, struct config *config, struct error *err);
enum container_status container_status(const struct container *container);
/* The specification's word for it. */
const char *container_status_name(enum container_status status);
/* Removes the record. */
int container_forget(const struct container *container, struct error *err);
/* Its folder's `name`; `path` holds 4200 bytes. */
const char *container_path(const struct container *container, const char *name, char *path);
/* A socket of the record's. */
int container_listen(const struct container *container, const char *name, struct error *err);
int container_connect(const struct container *container, const char *name, struct error *err);
