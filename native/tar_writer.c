#include "tar_writer.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "file.h"

enum { BLOCK = 512, OCTAL_MAX = 07777777 };
#define LARGEST_SIZE 077777777777ull

struct header {
  char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, target[100], magic[8], uname[32], gname[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a tar header is one block");

static int flush(struct tar_writer *tar, struct error *err) {
  size_t used = tar->used;
  tar->used = 0;
  return file_write_all(tar->out, tar->buffer, used) < 0 ? error_errno(err, "write", "the archive") : 0;
}

int tar_put(struct tar_writer *tar, const void *bytes, size_t length, struct error *err) {
  while (length > 0) {
    size_t room = sizeof tar->buffer - tar->used, part = length < room ? length : room;
    memcpy(tar->buffer + tar->used, bytes, part);
    tar->used += part;
    bytes = (const char *)bytes + part;
    length -= part;
    if (tar->used == sizeof tar->buffer && flush(tar, err) < 0) return -1;
  }
  return 0;
}

int tar_put_padding(struct tar_writer *tar, uint64_t size, struct error *err) {
  static const char zeros[BLOCK];
  return tar_put(tar, zeros, (BLOCK - size % BLOCK) % BLOCK, err);
}

/* "LENGTH KEY=VALUE\n", where LENGTH counts itself. */
int tar_add_record(struct tar_writer *tar, const char *key, const void *value, size_t size, struct error *err) {
  size_t rest = strlen(key) + size + 3, length = rest + 1;
  for (size_t digits = 1; ; digits++) {
    char text[24];
    length = rest + digits;
    if ((size_t)snprintf(text, sizeof text, "%zu", length) == digits) break;
  }
  if (tar->record_length + length + 1 > sizeof tar->records) return error_text(err, "the extended attributes of one file are too large for an archive");
  int written = sprintf(tar->records + tar->record_length, "%zu %s=", length, key);
  memcpy(tar->records + tar->record_length + written, value, size);
  tar->records[tar->record_length + length - 1] = '\n';
  tar->record_length += length;
  return 0;
}

static int add_number(struct tar_writer *tar, const char *key, unsigned long long value, struct error *err) {
  char text[24];
  return tar_add_record(tar, key, text, (size_t)snprintf(text, sizeof text, "%llu", value), err);
}

static void octal(char *field, size_t width, unsigned long long value) {
  field[--width] = 0;
  for (; width > 0; value >>= 3) field[--width] = (char)('0' + (value & 7));
}

static void seal(struct header *header) {
  unsigned sum = 0;
  memcpy(header->magic, "ustar\0" "00", 8);
  memset(header->checksum, ' ', sizeof header->checksum);
  for (size_t i = 0; i < BLOCK; i++) sum += ((unsigned char *)header)[i];
  snprintf(header->checksum, sizeof header->checksum, "%06o", sum);
}

/* The records that were added since the last header, in an entry of their own before the one they are about. */
static int put_records(struct tar_writer *tar, struct error *err) {
  struct header header = {.type = 'x', .name = "PaxHeaders/entry"};
  size_t length = tar->record_length;
  tar->record_length = 0;
  if (length == 0) return 0;
  octal(header.mode, sizeof header.mode, 0644);
  octal(header.uid, sizeof header.uid, 0);
  octal(header.gid, sizeof header.gid, 0);
  octal(header.size, sizeof header.size, length);
  octal(header.mtime, sizeof header.mtime, 0);
  seal(&header);
  if (tar_put(tar, &header, sizeof header, err) < 0 || tar_put(tar, tar->records, length, err) < 0) return -1;
  return tar_put_padding(tar, length, err);
}

int tar_put_header(struct tar_writer *tar, char type, const char *name, const char *target, const struct stat *st, uint64_t size, struct error *err) {
  struct header header = {.type = type};
  size_t name_length = strlen(name), target_length = target ? strlen(target) : 0;
  if (name_length > sizeof header.name && tar_add_record(tar, "path", name, name_length, err) < 0) return -1;
  if (target_length > sizeof header.target && tar_add_record(tar, "linkpath", target, target_length, err) < 0) return -1;
  if (size > LARGEST_SIZE && add_number(tar, "size", size, err) < 0) return -1;
  const struct mappings *users = tar->users;
  uint32_t uid = users ? mapping_inside(users->uids, users->uid_count, st->st_uid) : st->st_uid, gid = users ? mapping_inside(users->gids, users->gid_count, st->st_gid) : st->st_gid;
  if (uid > OCTAL_MAX && add_number(tar, "uid", uid, err) < 0) return -1;
  if (gid > OCTAL_MAX && add_number(tar, "gid", gid, err) < 0) return -1;
  if (put_records(tar, err) < 0) return -1;
  memcpy(header.name, name, name_length < sizeof header.name ? name_length : sizeof header.name);
  if (target) memcpy(header.target, target, target_length < sizeof header.target ? target_length : sizeof header.target);
  octal(header.mode, sizeof header.mode, st->st_mode & 07777);
  octal(header.uid, sizeof header.uid, uid & OCTAL_MAX);
  octal(header.gid, sizeof header.gid, gid & OCTAL_MAX);
  octal(header.size, sizeof header.size, size & LARGEST_SIZE);
  octal(header.mtime, sizeof header.mtime, st->st_mtime > 0 ? (unsigned long long)st->st_mtime : 0);
  octal(header.major, sizeof header.major, type == '3' || type == '4' ? major(st->st_rdev) & OCTAL_MAX : 0);
  octal(header.minor, sizeof header.minor, type == '3' || type == '4' ? minor(st->st_rdev) & OCTAL_MAX : 0);
  seal(&header);
  return tar_put(tar, &header, sizeof header, err);
}

int tar_put_end(struct tar_writer *tar, struct error *err) {
  static const char end[2 * BLOCK];
  return tar_put(tar, end, sizeof end, err) < 0 ? -1 : flush(tar, err);
}
