#include "memory_policy.h"

#include <linux/mempolicy.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fields.h"

#define WORD_BITS (8 * sizeof(unsigned long))

struct entry { const char *mode, *nodes; const char **flags; };
struct name { const char *name; int value; };

static const struct name modes[] = {
  {"MPOL_DEFAULT", MPOL_DEFAULT}, {"MPOL_BIND", MPOL_BIND}, {"MPOL_INTERLEAVE", MPOL_INTERLEAVE}, {"MPOL_WEIGHTED_INTERLEAVE", 6}, /* newer than the headers */
  {"MPOL_PREFERRED", MPOL_PREFERRED}, {"MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY}, {"MPOL_LOCAL", MPOL_LOCAL}, {NULL, 0},
};
static const struct name flags[] = {
  {"MPOL_F_NUMA_BALANCING", MPOL_F_NUMA_BALANCING}, {"MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES}, {"MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES}, {NULL, 0},
};

static const struct name *find(const struct name *list, const char *name) {
  while (list->name && strcmp(list->name, name) != 0) list++;
  return list->name ? list : NULL;
}

static int read_nodes(const char *list, struct memory_policy *policy, struct error *err) {
  for (const char *at = list; *at;) {
    char *end;
    unsigned long first = strtoul(at, &end, 10), last = first;
    bool number = end != at;
    if (number && *end == '-') { at = end + 1; last = strtoul(at, &end, 10); number = end != at; }
    if (!number || (*end && *end != ',') || last < first || last >= MEMORY_NODES)
      return error_text(err, "config.json: linux.memoryPolicy: invalid memory policy nodes \"%s\": a list such as 0-3,7 is wanted, of nodes below %d", list, MEMORY_NODES);
    for (; first <= last; first++) {
      policy->count += !(policy->nodes[first / WORD_BITS] >> first % WORD_BITS & 1);
      policy->nodes[first / WORD_BITS] |= 1ul << first % WORD_BITS;
    }
    at = *end ? end + 1 : end;
  }
  return 0;
}

int memory_policy_read(json_t *object, struct memory_policy *policy, struct error *err) {
  static const struct field fields[] = {{"mode", FIELD_TEXT, offsetof(struct entry, mode)}, {"nodes", FIELD_TEXT, offsetof(struct entry, nodes)}, {"flags", FIELD_TEXTS, offsetof(struct entry, flags)}, {0}};
  static const char where[] = "config.json: linux.memoryPolicy";
  struct entry entry = {NULL, NULL, NULL};
  if (!object) return 0;
  if (fields_read(object, where, fields, &entry, err) < 0) return -1;
  const struct name *mode = entry.mode ? find(modes, entry.mode) : NULL;
  if (!mode) return error_text(err, "%s: invalid memory policy mode \"%s\"", where, entry.mode ? entry.mode : "");
  *policy = (struct memory_policy){.set = true, .name = mode->name, .mode = mode->value};
  for (const char **name = entry.flags; name && *name; name++) {
    const struct name *flag = find(flags, *name);
    if (!flag) return error_text(err, "%s: invalid memory policy flag \"%s\"", where, *name);
    policy->mode |= flag->value;
  }
  if (read_nodes(entry.nodes ? entry.nodes : "", policy, err) < 0) return -1;
  if ((mode->value == MPOL_DEFAULT || mode->value == MPOL_LOCAL) && policy->count) return error_text(err, "%s: %s mode requires 0 nodes but got %u", where, mode->name, policy->count);
  return 0;
}

static json_t *names_of(const struct name *list) {
  json_t *array = json_array();
  for (; list->name; list++) json_array_append_new(array, json_string(list->name));
  return array;
}

json_t *memory_policy_features(void) { return json_pack("{s:o, s:o}", "modes", names_of(modes), "flags", names_of(flags)); }

int memory_policy_set(const struct memory_policy *policy, struct error *err) {
  if (!policy->set) return 0;
  /* The kernel takes the number of bits to be one more than it is. */
  if (syscall(SYS_set_mempolicy, policy->mode, policy->count ? policy->nodes : NULL, policy->count ? MEMORY_NODES + 1ul : 0ul) < 0) return error_errno(err, "set_mempolicy", policy->name);
  return 0;
}
