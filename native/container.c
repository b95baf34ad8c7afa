#include "container.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "arena.h"
#include "cgroup.h"
#include "fields.h"
#include "file.h"
#include "json_file.h"
#include "scope.h"
#include "stamp.h"

/* Two, for what is replaced by rename some file systems write out at once (ext4: auto_da_alloc). */
#define RECORD "state.json"
#define RECORD_BEFORE "making.json" /* while it has no process */

const char *container_path(const struct container *container, const char *name, char *path) {
  snprintf(path, 4200, "%s/%s", container->folder, name);
  return path;
}

static int name_it(struct container *container, const char *root, const char *id, struct error *err) {
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+.-";
  *container = (struct container){.pid = 0};
  if (!*id) return error_text(err, "a container's id is missing");
  if (strlen(id) >= sizeof container->id) return error_text(err, "a container's id has at most %zu characters", sizeof container->id - 1);
  if (id[strspn(id, allowed)] || strcmp(id, ".") == 0 || strcmp(id, "..") == 0) return error_text(err, "invalid container id \"%.100s\": letters, digits and _ + . - are allowed", id);
  strcpy(container->id, id);
  if (snprintf(container->folder, sizeof container->folder - 64, "%s/%s", root, id) >= (int)sizeof container->folder - 64) return error_text(err, "--root %.100s… is too long", root);
  return 0;
}

static int make_above(const char *root, struct error *err) {
  char part[4096];
  snprintf(part, sizeof part, "%s", root);
  for (char *end = part + 1; end;) {
    end = strchr(end, '/');
    if (end) *end = 0;
    if (mkdir(part, 0700) < 0 && errno != EEXIST) return error_errno(err, "mkdir", part);
    if (end) *end++ = '/';
  }
  return 0;
}

int container_make(struct container *container, const char *root, const char *id, struct error *err) {
  if (name_it(container, root, id, err) < 0) return -1;
  int made = mkdir(container->folder, 0700);
  if (made < 0 && errno == ENOENT) {
    if (make_above(root, err) < 0) return -1;
    made = mkdir(container->folder, 0700);
  }
  if (made < 0 && errno == EEXIST) return error_text(err, "container with id exists: %s", id);
  if (made < 0) return error_errno(err, "mkdir", container->folder);
  char now[STAMP_ROOM];
  container->created = arena_format("%s", stamp_now(now));
  container->owner = arena_format("%u", getuid());
  container->maker = getpid();
  container->maker_start_time = process_start_time(container->maker);
  return 0;
}

int container_save(const struct container *container, struct error *err) {
  char path[4200];
  json_t *object = json_pack("{s:i, s:s, s:s, s:i, s:I, s:i, s:I, s:b, s:s, s:s, s:s, s:s, s:s*}", "version", 1, "ociVersion", container->version, "id", container->id, "pid", container->pid,
    "startTime", (json_int_t)container->start_time, "maker", container->maker, "makerStartTime", (json_int_t)container->maker_start_time, "plain", container->plain, "bundle", container->bundle, "rootfs", container->rootfs, "created", container->created, "owner", container->owner, "cgroup", container->cgroup);
  char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
  if (!text) return error_text(err, "the record of container %s cannot be written: its paths are not UTF-8", container->id);
  return file_replace(container_path(container, container->start_time ? RECORD : RECORD_BEFORE, path), text, strlen(text), err);
}

struct record { int64_t version, pid, start_time, maker, maker_start_time; };

/* Without a record: being made, or left behind by a runtime that was killed. */
static int load_unrecorded(struct container *container, struct error *err) {
  struct stat stat_of;
  if (stat(container->folder, &stat_of) < 0) {
    if (errno != ENOENT) return error_errno(err, "stat", container->folder);
    error_errno(err, "stat", container->folder);
    snprintf(err->text, sizeof err->text, "container does not exist: %s", container->id);
    return -1;
  }
  container->created = container->bundle = container->rootfs = container->owner = "";
  container->version = "1.2.0";
  return 0;
}

int container_load(struct container *container, const char *root, const char *id, struct error *err) {
  static const struct field numbers[] = {
    {"version", FIELD_INTEGER, offsetof(struct record, version)}, {"pid", FIELD_INTEGER, offsetof(struct record, pid)}, {"startTime", FIELD_INTEGER, offsetof(struct record, start_time)},
    {"maker", FIELD_INTEGER, offsetof(struct record, maker)}, {"makerStartTime", FIELD_INTEGER, offsetof(struct record, maker_start_time)}, {0},
  };
#define AT(member) offsetof(struct container, member)
  static const struct field others[] = {
    {"bundle", FIELD_TEXT, AT(bundle)}, {"rootfs", FIELD_TEXT, AT(rootfs)}, {"created", FIELD_TEXT, AT(created)}, {"cgroup", FIELD_TEXT, AT(cgroup)},
    {"ociVersion", FIELD_TEXT, AT(version)}, {"owner", FIELD_TEXT, AT(owner)}, {"plain", FIELD_BOOL, AT(plain)}, {0},
  };
#undef AT
  char path[4200];
  struct record record = {0};
  if (name_it(container, root, id, err) < 0) return -1;
  json_t *object = NULL;
  struct error missing = {.errnum = ENOENT};
  const char *const names[] = {RECORD, RECORD_BEFORE};
  for (size_t i = 0; !object && missing.errnum == ENOENT && i < sizeof names / sizeof *names; i++) object = json_file_read(container_path(container, names[i], path), &missing);
  if (!object && missing.errnum == ENOENT) return load_unrecorded(container, err);
  if (!object) { *err = missing; return -1; }
  if (fields_read(object, path, numbers, &record, err) < 0 || fields_read(object, path, others, container, err) < 0) return -1;
  if (record.version != 1) return error_text(err, "%s: version %lld is newer than this program", path, (long long)record.version);
  if (!container->bundle || !container->created || !container->version || !container->rootfs || !container->owner) return error_text(err, "%s: not whole", path);
  container->pid = (int)record.pid;
  container->start_time = (unsigned long long)record.start_time;
  container->maker = (int)record.maker;
  container->maker_start_time = (unsigned long long)record.maker_start_time;
  return 0;
}

int container_config(const struct container *container, struct config *config, struct error *err) {
  char path[4200];
  json_t *top = json_file_read(container_path(container, "config.json", path), err);
  return top ? config_from(top, container->bundle, config, err) : -1;
}

/* Whether the process is there, and no zombie. */
static bool lives(int pid, unsigned long long start_time) {
  char state = 0;
  return pid > 0 && process_start_time_of(pid, &state) == start_time && state != 'Z' && state != 'X';
}

enum container_status container_status(const struct container *container) {
  char path[4200];
  if (!container->start_time) return lives(container->maker, container->maker_start_time) ? CONTAINER_CREATING : CONTAINER_STOPPED;
  if (!lives(container->pid, container->start_time)) return CONTAINER_STOPPED;
  if (container->cgroup && cgroup_is_frozen(container->cgroup)) return CONTAINER_PAUSED;
  return access(container_path(container, "start.sock", path), F_OK) == 0 ? CONTAINER_CREATED : CONTAINER_RUNNING;
}

const char *container_status_name(enum container_status status) {
  static const char *const names[] = {"creating", "created", "running", "paused", "stopped"};
  return names[status];
}

int container_forget(const struct container *container, struct error *err) {
  DIR *folder = opendir(container->folder);
  if (!folder) return errno == ENOENT ? 0 : error_errno(err, "open", container->folder);
  for (struct dirent *entry; (entry = readdir(folder));) if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) unlinkat(dirfd(folder), entry->d_name, 0);
  closedir(folder);
  return rmdir(container->folder) < 0 && errno != ENOENT ? error_errno(err, "rmdir", container->folder) : 0;
}

/* By a descriptor of the folder: a socket's path ends at 107 bytes. */
static int open_socket(const struct container *container, const char *name, struct sockaddr_un *address, int *folder, struct error *err) {
  *folder = open(container->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (*folder < 0) return error_errno(err, "open", container->folder);
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%s", *folder, name);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return fd < 0 ? error_errno(err, "socket", name) : fd;
}

int container_listen(const struct container *container, const char *name, struct error *err) {
  struct sockaddr_un address;
  fd_auto folder = -1;
  fd_auto fd = open_socket(container, name, &address, &folder, err);
  if (fd < 0) return -1;
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1) < 0) return error_errno(err, "bind", container->folder);
  return fd_steal(&fd);
}

int container_connect(const struct container *container, const char *name, struct error *err) {
  struct sockaddr_un address;
  fd_auto folder = -1;
  fd_auto fd = open_socket(container, name, &address, &folder, err);
  if (fd < 0) return -1;
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd_steal(&fd);
  if (errno == ECONNREFUSED || errno == ENOENT) return error_text(err, "container %s has ended", container->id);
  return error_errno(err, "connect", container->folder);
}
