#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "error.h"
#include "namespaces.h"
#include "progress.h"

/* An OCI bundle's config.json (runtime specification 1.2) as the core uses it. Everything lies in the arena. What the core
   does not do and that would change the container's meaning is refused while reading. */

struct mapping { uint32_t container, host, size; };
/* Users and groups of a namespace (/proc/PID/uid_map, gid_map). */
struct mappings { struct mapping *uids, *gids; size_t uid_count, gid_count; };

struct mount_spec {
  const char *source, *target, *type;
  unsigned long flags;            /* MS_* of mount(2); for binds what is set on the mount, without MS_BIND */
  uint64_t attr_set, attr_clear;  /* MOUNT_ATTR_*, binds only */
  uint64_t attr_set_deep, attr_clear_deep; /* the same, for every mount below too (`rro`) */
  uint64_t propagation;           /* MS_PRIVATE …, 0: none asked for */
  bool propagation_deep;
  bool bind, deep;                /* `deep`: rbind */
  bool copy_up;                   /* `tmpcopyup`: a tmpfs begins with what the root has there */
  bool idmap, idmap_deep;         /* seen through `mappings`, or where it has none the container's own */
  bool as_users;                  /* the same with the container's own, but the kernel's own file systems and devices as they are */
  struct mappings mappings;
  const char *subpath;            /* of a bind's source, resolved beneath it; NULL: the source itself */
  pid_t of;                       /* a bind's source is looked up where this process sees it; 0: here */
  bool create;                    /* a bind's source folder is made where it is missing */
  const char *data;               /* what the file system itself is told; "" for nothing */
  int tree;                       /* made ready while nothing of the host was given up (mounts_prepare); -1: not yet */
};

struct device { const char *path; mode_t mode; dev_t number; uid_t uid; gid_t gid; int tree; }; /* tree: as mount_spec.tree */
struct pair { const char *name, *value; };
struct limit { int resource; const char *name; struct rlimit value; };
struct device_rule { bool allow; char type; long major, minor; const char *access; };

enum { CAP_SET_BOUNDING, CAP_SET_EFFECTIVE, CAP_SET_INHERITABLE, CAP_SET_PERMITTED, CAP_SET_AMBIENT, CAP_SETS };

/* sched_setattr(2). */
struct scheduler { bool set; uint32_t policy; int32_t nice; uint32_t priority; uint64_t flags, runtime, deadline, period; };

/* set_mempolicy(2). */
#define MEMORY_NODES 1024
struct memory_policy { bool set; const char *name; int mode; unsigned count; unsigned long nodes[MEMORY_NODES / (8 * sizeof(unsigned long))]; };

struct notify;
struct process_spec {
  char **args, **env;             /* NULL-terminated */
  const char *cwd;
  const char *user, *groups;      /* annotations io.bayplan.user, io.bayplan.groups; NULL: the numbers below */
  uid_t uid; gid_t gid;
  gid_t *gids; size_t gid_count;
  mode_t umask;
  bool no_new_privs;
  bool terminal; unsigned columns, rows;
  bool init;                      /* annotation io.bayplan.init: run it below a process that reaps and passes signals on */
  struct limit *limits; size_t limit_count;
  bool has_caps;
  uint64_t caps[CAP_SETS];
  const char *unknown_caps;       /* names that no kernel known here has, for a warning; NULL: none */
  bool has_oom; int oom_score_adj;
  bool has_personality; unsigned long personality; /* of exec: its container's */
  unsigned filter_flags;          /* of seccomp(2), beside those that every filter gets */
  struct notify *notify;          /* whom the filter puts calls to; NULL: nobody */
  const char *apparmor;           /* a profile of the kernel's; NULL: none */
  struct scheduler scheduler;
  struct memory_policy memory;    /* linux.memoryPolicy; of exec: its container's */
  int io_priority;                /* as ioprio_set(2) takes it; 0: not set */
  const char *first_cpus, *cpus;  /* execCPUAffinity: while it joins, and once it runs; NULL: not set */
};

/* One disk's rate (bytes or operations a second) or weight. */
struct device_rate { unsigned long major, minor; uint64_t rate; };
enum { RATE_READ_BPS, RATE_WRITE_BPS, RATE_READ_IOPS, RATE_WRITE_IOPS, RATES };
struct huge_limit { const char *size; uint64_t limit; };

/* -1 in a limit: not set, -2: none (which takes one away that is there). */
struct resources {
  int64_t memory, memory_reservation, memory_swap, swappiness;
  bool oom_kill_disable, has_oom_kill_disable;
  int64_t cpu_quota, cpu_period, cpu_shares, cpu_burst, cpu_idle, rt_runtime, rt_period;
  const char *cpus, *mems;
  int64_t pids;
  int64_t weight, leaf_weight;
  struct device_rate *weights, *leaf_weights, *rates[RATES]; size_t weight_count, leaf_weight_count, rate_count[RATES];
  struct huge_limit *huge; size_t huge_count;
  int64_t class_id;
  struct pair *priorities; size_t priority_count; /* of network links; values as text */
  struct pair *unified; size_t unified_count;     /* v2 files and what is written to them */
  struct device_rule *devices; size_t device_count;
};

/* Programs run at points of a container's life, with its state on stdin (config.md, "POSIX-platform Hooks"). */
enum hook_kind { HOOK_PRESTART, HOOK_CREATE_RUNTIME, HOOK_CREATE_CONTAINER, HOOK_START_CONTAINER, HOOK_POSTSTART, HOOK_POSTSTOP, HOOK_KINDS };
struct hook { const char *path; const char **args, **env; int64_t timeout; }; /* args, env: NULL where none; seconds, 0: none */
struct hooks { struct hook *list; size_t count; };

struct time_offset { bool set; int64_t seconds, nanoseconds; };

struct config {
  const char *version;            /* ociVersion */
  const char *root;               /* absolute */
  bool root_readonly;
  const char *overlay, *overlay_cwd;
  bool overlay_idmap;             /* the lower folders are seen through the container's mappings */
  int root_tree;                  /* as mount_spec.tree */
  const char *root_propagation;
  unsigned long namespaces;       /* CLONE_NEW* to make */
  const char *joins[NAMESPACE_KINDS]; /* by path; NULL: none */
  struct mappings mappings;       /* of the user namespace */
  struct time_offset monotonic, boottime;
  const char *hostname, *domainname;
  struct mount_spec *mounts; size_t mount_count;
  struct device *devices; size_t device_count;
  struct pair *sysctls; size_t sysctl_count;
  struct pair *annotations; size_t annotation_count;
  const char **masked, **readonly; /* NULL-terminated */
  const char *cgroups_path;       /* NULL: none */
  struct resources resources;
  json_t *seccomp;                /* linux.seccomp or NULL */
  json_t *memory_policy;          /* linux.memoryPolicy or NULL */
  const char *seccomp_bpf;
  bool has_personality; unsigned long personality;
  struct hooks hooks[HOOK_KINDS];
  bool has_process;
  struct process_spec process;
  struct progress *progress;      /* shared with the shim; NULL: nobody looks */
};

/* Whether the container has users, mounts of its own: in a namespace that is new, or another's by path. */
bool config_has_users(const struct config *config);
bool config_has_mounts(const struct config *config);


/* Reads BUNDLE/config.json, all of it but what is private to each file below. */
int config_read(const char *bundle, struct config *config, struct error *err);
/* The same of an object that was read already; relative paths start at `bundle`. */
int config_from(json_t *top, const char *bundle, struct config *config, struct error *err);
/* Reads a file that holds one OCI process object, with `annotations` as in config.json beside its fields. */
int config_read_process(const char *path, struct process_spec *process, struct error *err);

/* Parts of config.json, one file each. */
int config_process(json_t *object, json_t *annotations, struct process_spec *process, struct error *err);
int config_mounts(json_t *array, struct config *config, struct error *err);
/* Takes an option of a mount that is a flag; false: it is the file system's own. */
bool config_mount_option(struct mount_spec *mount, const char *option);
/* Names of all options that are understood, by index; NULL after the last. */
const char *config_mount_option_name(size_t index);
int config_mappings(json_t *uids, json_t *gids, const char *where, struct mappings *mappings, struct error *err);
int config_namespaces(json_t *linux_part, struct config *config, struct error *err);
int config_read_resources(json_t *object, struct resources *resources, struct error *err);
int config_hooks(json_t *object, struct config *config, struct error *err);
