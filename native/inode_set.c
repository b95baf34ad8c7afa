#include "inode_set.h"

#include <stdint.h>
#include <stdlib.h>

/* Inode 0 is no file's: a slot with it is free. */
struct inode_key { dev_t device; ino_t inode; };

/* Where a file is, or would be. `room` is a power of two, and at most half of it is used. */
static size_t slot_of(const struct inode_key *keys, size_t room, dev_t device, ino_t inode) {
  size_t at = (size_t)(((uint64_t)inode * 0x9e3779b97f4a7c15ull) ^ device) & (room - 1);
  while (keys[at].inode && !(keys[at].inode == inode && keys[at].device == device)) at = (at + 1) & (room - 1);
  return at;
}

static int grow(struct inode_set *set) {
  size_t room = set->room ? set->room * 2 : 256;
  struct inode_key *keys = calloc(room, sizeof *keys);
  if (!keys) return -1;
  for (size_t i = 0; i < set->room; i++) if (set->keys[i].inode) keys[slot_of(keys, room, set->keys[i].device, set->keys[i].inode)] = set->keys[i];
  free(set->keys);
  set->keys = keys;
  set->room = room;
  return 0;
}

int inode_set_add(struct inode_set *set, dev_t device, ino_t inode) {
  if (set->count * 2 >= set->room && grow(set) < 0) return -1;
  struct inode_key *slot = &set->keys[slot_of(set->keys, set->room, device, inode)];
  if (!slot->inode) set->count++;
  *slot = (struct inode_key){device, inode};
  return 0;
}

bool inode_set_has(const struct inode_set *set, dev_t device, ino_t inode) {
  return set->room && set->keys[slot_of(set->keys, set->room, device, inode)].inode;
}

void inode_set_free(struct inode_set *set) {
  free(set->keys);
  *set = (struct inode_set){NULL, 0, 0};
}
