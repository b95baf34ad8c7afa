#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena.h"
#include "cgroup_limits.h"
#include "cgroup_places.h"
#include "devices.h"
#include "file.h"
#include "scope.h"

#define TOP CGROUP_TOP

struct cgroup {
  bool pure_v2;
  int v2, tasks[V1_COUNT];
  const char *names[CGROUP_HIERARCHIES + 1];
  const char *shared_cpuset;
};

static int make(const char *root, const char *path, char *folder, struct error *err) {
  if (snprintf(folder, 4096, "%s%s%s", root, *path == '/' ? "" : "/", path) >= 4096) return error_text(err, "cgroup path too long: %s", path);
  if (mkdir(folder, 0755) == 0) return 0;
  if (errno == EEXIST) { /* left behind: made anew, so that its counters begin at 0 */
    if (rmdir(folder) < 0 && errno != ENOENT) return error_text(err, "the container's cgroup is not empty: %s is in use by another container or process", folder);
    return mkdir(folder, 0755) < 0 ? error_errno(err, "mkdir", folder) : 0;
  }
  if (errno != ENOENT) return error_errno(err, "mkdir", folder);
  for (char *at = folder + strlen(root) + 1; (at = strchr(at, '/')); *at++ = '/') {
    *at = 0;
    if (mkdir(folder, 0755) < 0 && errno != EEXIST) return error_errno(err, "mkdir", folder);
  }
  return mkdir(folder, 0755) < 0 && errno != EEXIST ? error_errno(err, "mkdir", folder) : 0;
}

/* A cgroup has the controllers that each of its parents passes on. Passing on is refused in one with processes, the root excepted. */
static int pass_controller(const char *top, const char *folder, const char *controller, struct error *err) {
  char path[4200], plus[16];
  snprintf(plus, sizeof plus, "+%s", controller);
  for (const char *slash = folder + strlen(top); slash; slash = strchr(slash + 1, '/')) {
    snprintf(path, sizeof path, "%.*s/cgroup.subtree_control", (int)(slash - folder), folder);
    if (file_write_at(AT_FDCWD, path, plus) < 0 && errno != ENOENT && errno != EINVAL) return error_errno(err, "write", path);
  }
  return 0;
}

static int pass_controllers(const char *folder, struct error *err) {
  static const char *const controllers[] = {"cpu", "memory", "pids", "cpuset", "io", "hugetlb"};
  char path[4200], text[1024];
  snprintf(path, sizeof path, "%s/cgroup.controllers", folder);
  if (file_read_at(AT_FDCWD, path, text, sizeof text) < 0) return error_errno(err, "read", path);
  if (strstr(text, "memory") && strstr(text, "pids") && strstr(text, "cpu ") && strstr(text, "io ")) return 0;
  for (size_t i = 0; i < sizeof controllers / sizeof *controllers; i++) if (pass_controller(TOP, folder, controllers[i], err) < 0) return -1;
  return 0;
}

/* Whether the controller is in this v2 cgroup; its name stands among others, one of which begins as it does. */
static bool has_v2(const char *folder, const char *controller) {
  char path[4200], text[1024];
  snprintf(path, sizeof path, "%s/cgroup.controllers", folder);
  if (file_read_at(AT_FDCWD, path, text, sizeof text) < 0) return false;
  for (char *rest = text, *word; (word = strsep(&rest, " \n"));) if (strcmp(word, controller) == 0) return true;
  return false;
}

/* In the hybrid layout a controller that no hierarchy of version 1 has may be version 2's: huge pages are. */
static bool huge_is_unified(void) {
  char root[64];
  return !cgroup_v2_alone() && !cgroup_hierarchy(V1_HUGETLB, root) && has_v2(TOP "/unified", "hugetlb");
}

static bool there_v1(int which, const void *of) {
  char root[64];
  (void)of;
  return cgroup_hierarchy(which, root) || (which == V1_HUGETLB && huge_is_unified());
}
/* Its name in version 2, where the disks' controller has another one. */
static bool there_v2(int which, const void *folder) { return has_v2(folder, which == V1_BLKIO ? "io" : cgroup_v1_names[which]); }

/* `unified`: the container's folder where there is v2 alone, else NULL. */
static int require_controllers(const char *unified, const struct resources *r, struct error *err) {
  char root[64];
  if (cgroup_require(unified ? there_v2 : there_v1, unified, unified, r, err) < 0) return -1;
  if (!unified && r->device_count && !cgroup_hierarchy(V1_DEVICES, root) && !cgroup_hierarchy(CGROUP_UNIFIED, root))
    return error_text(err, "access to devices cannot be restricted: neither the cgroup controller devices nor cgroup v2 is mounted below " TOP);
  return 0;
}

static int limit_huge_unified(int folder, const char *where, const struct resources *r, struct error *err) {
  if (!r->huge_count || !huge_is_unified()) return 0;
  return pass_controller(TOP "/unified", where, "hugetlb", err) < 0 ? -1 : cgroup_limit_huge_v2(folder, where, r, err);
}

/* What v2 holds: all where it is alone; in hybrid the devices and huge pages alone, and those only where version 1 does not. */
static int limit_unified(bool alone, int folder, const char *where, const struct resources *r, struct error *err) {
  char root[64];
  if (!alone && limit_huge_unified(folder, where, r, err) < 0) return -1;
  if (!alone) return r->device_count && !cgroup_hierarchy(V1_DEVICES, root) ? devices_attach_filter(folder, r->devices, r->device_count, err) : 0;
  if (pass_controllers(where, err) < 0 || require_controllers(where, r, err) < 0) return -1;
  if (r->device_count && devices_attach_filter(folder, r->devices, r->device_count, err) < 0) return -1;
  return cgroup_limit_v2(folder, where, r, err);
}

/* Where the calling process is in the hierarchy of cpuset, in the arena; NULL where there is none. */
static const char *own_cpuset(void) {
  char root[64], text[8192];
  if (!cgroup_hierarchy(V1_CPUSET, root) || file_read_at(AT_FDCWD, "/proc/self/cgroup", text, sizeof text) < 0) return NULL;
  for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
    strsep(&line, ":");
    char *controllers = line ? strsep(&line, ":") : NULL, *word;
    while (line && (word = strsep(&controllers, ","))) if (strcmp(word, "cpuset") == 0) return arena_format("%s", line);
  }
  return NULL;
}

/* `made`: bits of the hierarchies in which a folder was made. */
static struct cgroup *prepare(const char *path, const struct resources *resources, unsigned *made, struct error *err) {
  struct cgroup *cgroup = arena_alloc(sizeof *cgroup);
  if (!cgroup) { error_text(err, "out of memory"); return NULL; }
  *cgroup = (struct cgroup){.pure_v2 = cgroup_v2_alone(), .v2 = -1};
  size_t names = 0;
  char root[64], folder[4096];
  if (resources && !cgroup->pure_v2 && require_controllers(NULL, resources, err) < 0) return NULL;
  for (int i = 0; i < V1_COUNT; i++) cgroup->tasks[i] = -1;
  for (int i = 0; i < CGROUP_HIERARCHIES; i++) {
    if (i < V1_COUNT && resources && !cgroup_wants_v1(i, resources)) continue;
    if (!cgroup_hierarchy(i, root)) continue;
    if (!resources) snprintf(folder, sizeof folder, "%s%s%s", root, *path == '/' ? "" : "/", path);
    else if (make(root, path, folder, err) < 0) return NULL;
    else *made |= 1u << i;
    fd_auto fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
      if (!resources && errno == ENOENT) continue;
      error_errno(err, "open", folder);
      return NULL;
    }
    if (i == CGROUP_UNIFIED) {
      if (resources && limit_unified(cgroup->pure_v2, fd, folder, resources, err) < 0) return NULL;
      cgroup->v2 = fd_steal(&fd);
      cgroup->names[names++] = "unified";
      continue;
    }
    const char *name = cgroup_real_name(i);
    bool known = false;
    for (size_t k = 0; k < names; k++) known |= strcmp(cgroup->names[k], name) == 0;
    if (resources && cgroup_limit_v1(i, fd, folder, resources, err) < 0) return NULL;
    if (known) continue;
    cgroup->names[names++] = name;
    cgroup->tasks[i] = openat(fd, "tasks", O_WRONLY | O_CLOEXEC);
    if (cgroup->tasks[i] < 0) { error_errno(err, "open", folder); return NULL; }
  }
  if (resources && !cgroup_wants_v1(V1_CPUSET, resources)) cgroup->shared_cpuset = own_cpuset();
  return cgroup;
}

struct cgroup *cgroup_create(const char *path, const struct resources *resources, struct error *err) {
  unsigned made = 0;
  char folder[4096];
  struct cgroup *cgroup = prepare(path, resources, &made, err);
  /* Of a cgroup that others live in nothing was made, and nothing is taken away. */
  for (int i = CGROUP_HIERARCHIES - 1; !cgroup && i >= 0; i--) if (made >> i & 1 && cgroup_folder(i, path, folder)) rmdir(folder);
  return cgroup;
}

/* Version 2 would rather kill than refuse: what is in use is looked at before. */
static int refuse_below_use(int folder, const char *where, const struct resources *r, struct error *err) {
  char text[32];
  if (r->memory <= 0 || file_read_at(folder, "memory.current", text, sizeof text) <= 0 || atoll(text) <= r->memory) return 0;
  errno = EBUSY;
  error_errno(err, "write", where);
  return error_text(err, "memory cannot be limited to %lld bytes: %lld are in use", (long long)r->memory, atoll(text));
}

/* How many processes a folder lists; with `to` each is moved there too. -1: no such folder. */
static int count_listed(const char *folder, int to) {
  char path[4200], text[16];
  snprintf(path, sizeof path, "%s/cgroup.procs", folder);
  FILE *list = fopen(path, "re");
  if (!list) return -1;
  int count = 0;
  for (int pid; fscanf(list, "%d", &pid) == 1; count++) if (to >= 0) (void)!write(to, text, (size_t)snprintf(text, sizeof text, "%d", pid)); /* one that has ended is no more to be moved */
  fclose(list);
  return count;
}

/* A container that was started without a choice of processors gets its place in that hierarchy now, and all its processes with it. */
static int join_later(const char *path, const char *folder, const struct resources *r, struct error *err) {
  char made[4096], members[4096], root[64], procs[4200];
  if (!cgroup_hierarchy(V1_CPUSET, root) || make(root, path, made, err) < 0) return -1;
  fd_auto fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return error_errno(err, "open", folder);
  if (cgroup_limit_v1(V1_CPUSET, fd, folder, r, err) < 0) { rmdir(folder); return -1; }
  snprintf(procs, sizeof procs, "%s/cgroup.procs", folder);
  fd_auto to = open(procs, O_WRONLY | O_CLOEXEC);
  if (to < 0 || !cgroup_folder(V1_FREEZER, path, members)) return error_errno(err, "open", procs);
  /* Who forks meanwhile has children that only the next list has. */
  for (int turns = 0; turns < 100; turns++) if (count_listed(members, to) <= count_listed(folder, -1)) return 0;
  return error_text(err, "the processes of cgroup %s fork too fast to be bound to processors", path);
}

int cgroup_update(const char *path, const struct resources *r, struct error *err) {
  bool pure = cgroup_v2_alone(), found = false;
  char folder[4096];
  if (!pure && require_controllers(NULL, r, err) < 0) return -1;
  for (int i = 0; i < CGROUP_HIERARCHIES; i++) {
    bool huge = i == CGROUP_UNIFIED && r->huge_count && huge_is_unified();
    if (((i == CGROUP_UNIFIED) != pure && !huge) || !cgroup_folder(i, path, folder)) continue;
    if (i < V1_COUNT && !cgroup_wants_v1(i, r)) continue;
    fd_auto fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && i == V1_CPUSET) { if (join_later(path, folder, r, err) < 0) return -1; continue; }
    if (fd < 0) return error_errno(err, "open", folder);
    found = true;
    if (huge && limit_huge_unified(fd, folder, r, err) < 0) return -1;
    if (huge) continue;
    if (pure ? require_controllers(folder, r, err) < 0 || refuse_below_use(fd, folder, r, err) < 0 || cgroup_limit_v2(fd, folder, r, err) < 0 : cgroup_limit_v1(i, fd, folder, r, err) < 0) return -1;
  }
  return found ? 0 : error_text(err, "there is no cgroup %s", path);
}

struct cgroup *cgroup_open(const char *path, struct error *err) { return prepare(path, NULL, NULL, err); }
int cgroup_v2_fd(const struct cgroup *cgroup) { return cgroup ? cgroup->v2 : -1; }
bool cgroup_pure_v2(const struct cgroup *cgroup) { return cgroup ? cgroup->pure_v2 : cgroup_v2_alone(); }
const char *const *cgroup_names(const struct cgroup *cgroup) { return cgroup ? cgroup->names : NULL; }

const char *cgroup_shared_cpuset(const struct cgroup *cgroup, const char **path) {
  if (!cgroup || !cgroup->shared_cpuset) return NULL;
  *path = cgroup->shared_cpuset;
  return cgroup_real_name(V1_CPUSET);
}

int cgroup_join(const struct cgroup *cgroup, struct error *err) {
  /* A thread that moves itself alone takes no global lock; through cgroup.procs each first move waits for RCU, 10 ms and more. */
  for (int i = 0; cgroup && i < V1_COUNT; i++)
    if (cgroup->tasks[i] >= 0 && write(cgroup->tasks[i], "0", 1) < 0) return error_errno(err, "write tasks", cgroup_v1_names[i]);
  return 0;
}

const char *cgroup_lacks(const struct cgroup *part, const struct cgroup *whole) {
  for (int i = 0; i < V1_COUNT; i++) if (whole->tasks[i] >= 0 && part->tasks[i] < 0) return cgroup_v1_names[i];
  return whole->v2 >= 0 && part->v2 < 0 ? "unified" : NULL;
}

void cgroup_close(struct cgroup *cgroup) {
  if (!cgroup) return;
  for (int i = 0; i < V1_COUNT; i++) if (cgroup->tasks[i] >= 0) close(cgroup->tasks[i]);
  if (cgroup->v2 >= 0) close(cgroup->v2);
}

bool cgroup_memory_folder(const char *path, char *folder) { return cgroup_folder(cgroup_v2_alone() ? CGROUP_UNIFIED : V1_MEMORY, path, folder); }

long cgroup_oom_kills(const char *path) {
  char folder[4096], file[4200], text[512];
  bool v2 = cgroup_v2_alone();
  if (!cgroup_folder(v2 ? CGROUP_UNIFIED : V1_MEMORY, path, folder)) return 0;
  snprintf(file, sizeof file, "%s/%s", folder, v2 ? "memory.events" : "memory.oom_control");
  if (file_read_at(AT_FDCWD, file, text, sizeof text) < 0) return 0;
  char *at = strstr(text, "oom_kill ");
  return at ? atol(at + strlen("oom_kill ")) : 0;
}
