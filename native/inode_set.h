#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Files by device and inode number. Zeroed, it is empty. */
struct inode_set { struct inode_key *keys; size_t count, room; };

/* -1: out of memory. */
int inode_set_add(struct inode_set *set, dev_t device, ino_t inode);
bool inode_set_has(const struct inode_set *set, dev_t device, ino_t inode);
void inode_set_free(struct inode_set *set);
