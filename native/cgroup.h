#pragma once
#include <stdbool.h>
#include "config.h"

/* A container's cgroup, by its path below each hierarchy's root, at the usual places below /sys/fs/cgroup: v2 alone; v1 controllers; or
   both (hybrid: limits are v1's, `unified` has the kill switch). */
struct cgroup;

/* Makes it, parents too, with its limits, empty. Lies in the arena. */
struct cgroup *cgroup_create(const char *path, const struct resources *resources, struct error *err);
/* Other limits for one that exists. */
int cgroup_update(const char *path, const struct resources *resources, struct error *err);
/* One that exists already, for a process that joins. */
struct cgroup *cgroup_open(const char *path, struct error *err);
/* For CLONE_INTO_CGROUP; -1 where there is no v2 mount. */
int cgroup_v2_fd(const struct cgroup *cgroup);
/* Moves the calling process, which has one thread, into every v1 hierarchy. */
int cgroup_join(const struct cgroup *cgroup, struct error *err);
/* The hierarchy in which `whole` has a folder and `part` has none; NULL: there is no such. */
const char *cgroup_lacks(const struct cgroup *part, const struct cgroup *whole);
void cgroup_close(struct cgroup *cgroup);
bool cgroup_pure_v2(const struct cgroup *cgroup);
/* Folders below the container's /sys/fs/cgroup where it is not pure v2, NULL-terminated; NULL for no cgroup. */
const char *const *cgroup_names(const struct cgroup *cgroup);
/* Of one that was made without a folder in the hierarchy of cpuset: that hierarchy's name, and in `path` where in it its processes are, as their parent is. NULL: it has one, or there is no
   such hierarchy. */
const char *cgroup_shared_cpuset(const struct cgroup *cgroup, const char **path);

/* Its folder where memory is accounted for (4096 bytes of room); false where nothing accounts for it. */
bool cgroup_memory_folder(const char *path, char *folder);
/* How often the kernel killed in it for want of memory. */
long cgroup_oom_kills(const char *path);
/* Signals every process in it; SIGKILL by cgroup.kill, so that none can fork away; without that
   again and again until none is left, at most 1 s. No such cgroup: ESRCH. */
int cgroup_signal(const char *path, int signal, struct error *err);
/* Kills what is left and removes it from every hierarchy, waiting (at most 10 s) until the kernel lets it go. Not there: no error. */
int cgroup_remove(const char *path, struct error *err);
/* Removes it where nobody lives in it, or will not for long (2 s). */
void cgroup_discard(const char *path);
/* Stops all its processes where they are, or lets them go on; waits until that is so (at most 2 s). */
int cgroup_freeze(const char *path, bool frozen, struct error *err);
/* Whether that was asked for last. */
bool cgroup_is_frozen(const char *path);
/* Numbers of all processes in it and below, in the arena. No such cgroup: none. */
int *cgroup_processes(const char *path, size_t *count, struct error *err);
