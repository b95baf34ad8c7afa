#include "linked_names.h"

#include <stdlib.h>
#include <string.h>

struct linked { uint64_t mount; ino_t inode; dev_t device; char *name; };

static struct linked *slot(struct linked *table, size_t room, uint64_t mount, ino_t inode, dev_t device) {
  size_t at = (size_t)(inode * 0x9e3779b97f4a7c15ull ^ device) & (room - 1);
  while (table[at].name && !(table[at].inode == inode && table[at].device == device && table[at].mount == mount)) at = (at + 1) & (room - 1);
  return &table[at];
}

static int grow(struct linked_names *names, struct error *err) {
  size_t room = names->room ? names->room * 2 : 256;
  struct linked *grown = calloc(room, sizeof *grown);
  if (!grown) return error_text(err, "out of memory");
  for (size_t i = 0; i < names->room; i++) {
    const struct linked *one = &names->list[i];
    if (one->name) *slot(grown, room, one->mount, one->inode, one->device) = *one;
  }
  free(names->list);
  names->list = grown;
  names->room = room;
  return 0;
}

int linked_names_find(struct linked_names *names, uint64_t mount, const struct stat *st, const char *name, const char **former, struct error *err) {
  if (names->count * 2 >= names->room && grow(names, err) < 0) return -1;
  struct linked *found = slot(names->list, names->room, mount, st->st_ino, st->st_dev);
  *former = found->name;
  if (found->name) return 0;
  *found = (struct linked){mount, st->st_ino, st->st_dev, strdup(name)};
  names->count++;
  return found->name ? 0 : error_text(err, "out of memory");
}

void linked_names_free(struct linked_names *names) {
  for (size_t i = 0; i < names->room; i++) free(names->list[i].name);
  free(names->list);
  *names = (struct linked_names){.list = NULL};
}
