#include "user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "scope.h"

/* A regular file of the container's, or NULL: something else (a pipe) could hang us. */
static FILE *open_regular(const char *path) {
  fd_auto fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat stat;
  if (fd < 0 || fstat(fd, &stat) < 0 || !S_ISREG(stat.st_mode)) return NULL;
  FILE *file = fdopen(fd, "r");
  if (file) fd_steal(&fd);
  return file;
}

static bool number(const char *text, unsigned *out) {
  char *end;
  errno = 0;
  unsigned long value = strtoul(text, &end, 10);
  if (!*text || *end || errno || *text == '-' || value > 0x7fffffff) return false;
  *out = (unsigned)value;
  return true;
}

/* Splits a line of passwd or group at its colons; the number of fields. */
static int split(char *line, char **fields, int most) {
  int count = 0;
  line[strcspn(line, "\n")] = 0;
  for (char *rest = line, *field; count < most && (field = strsep(&rest, ":"));) fields[count++] = field;
  return count;
}

static void add_group(struct identity *identity, gid_t gid) {
  for (size_t i = 0; i < identity->gid_count; i++) if (identity->gids[i] == gid) return;
  if (identity->gid_count < sizeof identity->gids / sizeof *identity->gids) identity->gids[identity->gid_count++] = gid;
}

/* Finds `wanted` (a name or a number) in passwd. The login name goes to `name`, empty where there is no entry. */
static int find_user(const char *wanted, struct identity *identity, char *name, size_t name_size, struct error *err) {
  unsigned uid = 0, found_uid, found_gid;
  bool numeric = number(wanted, &uid), found = false;
  char line[4096], *fields[7];
  FILE *passwd = open_regular("/etc/passwd");
  *name = 0;
  while (passwd && !found && fgets(line, sizeof line, passwd)) {
    int count = split(line, fields, 7);
    if (count < 4 || !number(fields[2], &found_uid) || !number(fields[3], &found_gid)) continue;
    if (strcmp(fields[0], wanted) != 0 && !(numeric && found_uid == uid)) continue;
    found = true;
    identity->uid = found_uid;
    identity->gid = found_gid;
    snprintf(name, name_size, "%s", fields[0]);
    if (count > 5 && *fields[5]) snprintf(identity->home, sizeof identity->home, "%s", fields[5]);
  }
  if (passwd) fclose(passwd);
  if (found) return 0;
  if (!numeric) return error_text(err, "unable to find user %s: no matching entries in the container's /etc/passwd", wanted);
  identity->uid = uid;
  identity->gid = 0;
  return 0;
}

static int find_group(const char *wanted, gid_t *gid, struct error *err) {
  unsigned value = 0, found_gid;
  bool numeric = number(wanted, &value), found = false;
  char line[65536], *fields[4];
  FILE *group = open_regular("/etc/group");
  while (group && !found && fgets(line, sizeof line, group)) {
    if (split(line, fields, 4) < 3 || !number(fields[2], &found_gid)) continue;
    if (strcmp(fields[0], wanted) == 0 || (numeric && found_gid == value)) { found = true; *gid = found_gid; }
  }
  if (group) fclose(group);
  if (found) return 0;
  if (!numeric) return error_text(err, "unable to find group %s: no matching entries in the container's /etc/group", wanted);
  *gid = value;
  return 0;
}

/* All groups that list `name` as a member. */
static void member_groups(const char *name, struct identity *identity) {
  char line[65536], *fields[4];
  FILE *group = open_regular("/etc/group");
  while (group && fgets(line, sizeof line, group)) {
    unsigned gid;
    if (split(line, fields, 4) < 4 || !number(fields[2], &gid)) continue;
    for (char *rest = fields[3], *member; (member = strsep(&rest, ","));) if (strcmp(member, name) == 0) add_group(identity, gid);
  }
  if (group) fclose(group);
}

int user_resolve(const struct process_spec *process, struct identity *identity, struct error *err) {
  char text[512], name[256] = "";
  identity->uid = process->uid;
  identity->gid = process->gid;
  identity->gid_count = 0;
  strcpy(identity->home, "/");
  if (process->user) {
    if (strlen(process->user) >= sizeof text) return error_text(err, "user name too long: %.40s", process->user);
    strcpy(text, process->user);
    char *group = strchr(text, ':');
    if (group) *group++ = 0;
    if (find_user(*text ? text : "0", identity, name, sizeof name, err) < 0) return -1;
    bool own_group = group && *group;
    if (own_group && find_group(group, &identity->gid, err) < 0) return -1;
    add_group(identity, identity->gid);
    if (!own_group && *name) member_groups(name, identity);
  } else {
    char uid[16];
    struct identity known = *identity;
    snprintf(uid, sizeof uid, "%u", identity->uid);
    if (find_user(uid, &known, name, sizeof name, err) == 0) strcpy(identity->home, known.home);
  }
  for (size_t i = 0; i < process->gid_count; i++) add_group(identity, process->gids[i]);
  if (!process->groups) return 0;
  if (strlen(process->groups) >= sizeof text) return error_text(err, "too many additional groups");
  strcpy(text, process->groups);
  for (char *rest = text, *one; (one = strsep(&rest, ","));) {
    gid_t gid;
    if (!*one) continue;
    if (find_group(one, &gid, err) < 0) return -1;
    add_group(identity, gid);
  }
  return 0;
}
