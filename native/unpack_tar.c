#include "unpack_tar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 512, MAX_RECORDS = 4 * 1024 * 1024 };

struct header {
  char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, target[100], magic[8], uname[32], gname[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a tar header is one block");

/* What pax records and GNU long names say in place of the header's own fields. */
struct extension {
  bool name, target, size, uid, gid, mtime;
};

const char *tar_shown(const char *name, char *text, size_t size) {
  snprintf(text, size, "%.200s%s", name, strlen(name) > 200 ? "…" : "");
  return text;
}

/* Octal with blanks or NULs around it, or base-256 with the first bit set. Negative numbers are refused: none of the fields that are read here may be. */
static int number(const char *field, size_t width, const char *what, const char *name, uint64_t *value, struct error *err) {
  const unsigned char *bytes = (const unsigned char *)field;
  char shown[256];
  uint64_t result = 0;
  if (bytes[0] & 0x80) {
    if (bytes[0] != 0x80) return error_text(err, "entry %s: negative or too large %s", tar_shown(name, shown, sizeof shown), what);
    for (size_t i = 1; i < width; i++) {
      if (result >> 55) return error_text(err, "entry %s: too large %s", tar_shown(name, shown, sizeof shown), what);
      result = result << 8 | bytes[i];
    }
    *value = result;
    return 0;
  }
  size_t i = 0;
  while (i < width && (bytes[i] == ' ' || bytes[i] == 0)) i++;
  for (; i < width && bytes[i] >= '0' && bytes[i] <= '7'; i++) result = result << 3 | (uint64_t)(bytes[i] - '0');
  for (; i < width; i++)
    if (bytes[i] != ' ' && bytes[i] != 0) return error_text(err, "entry %s: %s is not a number", tar_shown(name, shown, sizeof shown), what);
  *value = result;
  return 0;
}

static bool checksum_holds(const struct header *header) {
  const unsigned char *bytes = (const unsigned char *)header;
  long plain = 0, sign = 0;
  for (size_t i = 0; i < BLOCK; i++) {
    bool own = i >= offsetof(struct header, checksum) && i < offsetof(struct header, checksum) + sizeof header->checksum;
    plain += own ? ' ' : bytes[i];
    sign += own ? ' ' : (signed char)bytes[i];
  }
  uint64_t said;
  struct error ignored;
  if (number(header->checksum, sizeof header->checksum, "checksum", "", &said, &ignored) < 0) return false;
  return (long)said == plain || (long)said == sign; /* some old programs summed signed bytes */
}

static uint64_t padding(uint64_t size) { return (BLOCK - size % BLOCK) % BLOCK; }

/* Decimal, whole of `text`. */
static int decimal(const char *text, const char *key, uint64_t *value, struct error *err) {
  uint64_t result = 0;
  const char *c = text;
  for (; *c >= '0' && *c <= '9'; c++)
    if (__builtin_mul_overflow(result, 10, &result) || __builtin_add_overflow(result, (uint64_t)(*c - '0'), &result)) break;
  if (c == text || *c) return error_text(err, "pax record %s: %.60s is not a valid number", key, text);
  *value = result;
  return 0;
}

/* Seconds since the epoch with an optional fraction; before the epoch too. */
static int pax_time(const char *text, struct timespec *time, struct error *err) {
  char *end;
  bool negative = *text == '-';
  long long seconds = strtoll(text, &end, 10);
  long nanoseconds = 0;
  if (end == text) return error_text(err, "pax record mtime: %.60s is not a time", text);
  if (*end == '.') {
    long unit = 100000000;
    for (end++; *end >= '0' && *end <= '9'; end++, unit /= 10) nanoseconds += (*end - '0') * unit;
  }
  if (*end) return error_text(err, "pax record mtime: %.60s is not a time", text);
  if (negative && nanoseconds) { seconds--; nanoseconds = 1000000000 - nanoseconds; }
  *time = (struct timespec){.tv_sec = seconds, .tv_nsec = nanoseconds};
  return 0;
}

static int pax_name(const char *value, size_t length, const char *key, char *into, struct error *err) {
  if (length == 0 || length >= PATH_MAX || memchr(value, 0, length)) return error_text(err, "pax record %s: a name of %zu bytes, or with a NUL in it, cannot be", key, length);
  memcpy(into, value, length);
  into[length] = 0;
  return 0;
}

/* One record whose value is NUL-terminated. Unknown keys are ignored, as pax says. */
static int pax_record(struct tar_entry *entry, struct extension *ext, char *key, char *value, size_t length, struct error *err) {
  uint64_t n;
  if (strcmp(key, "path") == 0) { ext->name = true; return pax_name(value, length, key, entry->name, err); }
  if (strcmp(key, "linkpath") == 0) { ext->target = true; return pax_name(value, length, key, entry->target, err); }
  if (strcmp(key, "mtime") == 0) { ext->mtime = true; return pax_time(value, &entry->mtime, err); }
  if (strcmp(key, "size") == 0) { ext->size = true; return decimal(value, key, &entry->size, err); }
  if (strcmp(key, "uid") == 0 || strcmp(key, "gid") == 0) {
    if (decimal(value, key, &n, err) < 0) return -1;
    if (n >= UINT32_MAX) return error_text(err, "pax record %s: %.60s is too large", key, value);
    if (*key == 'u') { ext->uid = true; entry->uid = (uid_t)n; } else { ext->gid = true; entry->gid = (gid_t)n; }
    return 0;
  }
  if (strncmp(key, "GNU.sparse.", 11) == 0) return error_text(err, "sparse entries (pax %s) are not supported", key);
  if (strncmp(key, "SCHILY.xattr.", 13) == 0) {
    if (entry->xattr_count == XATTRS) return error_text(err, "more than %d extended attributes in one entry", XATTRS);
    entry->xattrs[entry->xattr_count].name = key + 13;
    entry->xattrs[entry->xattr_count].value = value;
    entry->xattrs[entry->xattr_count++].size = length;
  }
  return 0;
}

/* "LENGTH KEY=VALUE\n" over and over; `text` is cut up in place. */
static int pax_records(struct tar_entry *entry, struct extension *ext, char *text, size_t size, struct error *err) {
  for (char *at = text, *end = text + size; at < end && *at;) {
    char *key;
    unsigned long long length = strtoull(at, &key, 10);
    if (key == at || *key != ' ' || length > (size_t)(end - at) || length < (size_t)(key - at) + 3 || at[length - 1] != '\n') return error_text(err, "a pax record is malformed");
    key++;
    char *value = memchr(key, '=', (size_t)(at + length - key));
    if (!value) return error_text(err, "a pax record is malformed");
    *value++ = 0;
    at[length - 1] = 0;
    if (pax_record(entry, ext, key, value, (size_t)(at + length - 1 - value), err) < 0) return -1;
    at += length;
  }
  return 0;
}

/* The content of an extension header, NUL-terminated, to be freed. */
static char *extension_content(struct stream *stream, uint64_t size, struct error *err) {
  char *content = malloc((size_t)size + 1);
  if (!content) { error_text(err, "out of memory"); return NULL; }
  int rc = size ? stream_read(stream, content, (size_t)size, err) : 1;
  if (rc == 0) error_text(err, "the layer's tar archive is truncated");
  if (rc <= 0 || stream_skip(stream, padding(size), err) < 0) { free(content); return NULL; }
  content[size] = 0;
  return content;
}

static int extend(struct stream *stream, struct tar_entry *entry, struct extension *ext, char type, uint64_t size, struct error *err) {
  if (size > MAX_RECORDS) return error_text(err, "an extended tar header of %llu bytes is too large", (unsigned long long)size);
  if (type == 'g') return stream_skip(stream, size + padding(size), err); /* image tools ignore global records, and so must their readers */
  char *content = extension_content(stream, size, err);
  if (!content) return -1;
  if (type == 'x') {
    free(entry->records);
    entry->records = content;
    entry->xattr_count = 0;
    return pax_records(entry, ext, content, (size_t)size, err);
  }
  bool name = type == 'L';
  int rc = pax_name(content, strlen(content), name ? "GNU long name" : "GNU long link", name ? entry->name : entry->target, err);
  if (name) ext->name = true; else ext->target = true;
  free(content);
  return rc;
}

static void header_name(const struct header *header, char *name) {
  bool ustar = memcmp(header->magic, "ustar\0", 6) == 0;
  if (ustar && header->prefix[0]) snprintf(name, PATH_MAX, "%.155s/%.100s", header->prefix, header->name);
  else snprintf(name, PATH_MAX, "%.100s", header->name);
}

static int fields(const struct header *header, struct tar_entry *entry, const struct extension *ext, struct error *err) {
  uint64_t mode, uid = 0, gid = 0, mtime = 0, major = 0, minor = 0;
  if (!ext->name) header_name(header, entry->name);
  if (!ext->target) snprintf(entry->target, PATH_MAX, "%.100s", header->target);
  const char *name = entry->name;
  if (number(header->mode, sizeof header->mode, "mode", name, &mode, err) < 0) return -1;
  if (!ext->uid && number(header->uid, sizeof header->uid, "uid", name, &uid, err) < 0) return -1;
  if (!ext->gid && number(header->gid, sizeof header->gid, "gid", name, &gid, err) < 0) return -1;
  if (uid >= UINT32_MAX || gid >= UINT32_MAX) return error_text(err, "entry %.200s: owner is too large", name);
  if (!ext->mtime) {
    /* A time before the epoch is base-256 and negative: shown as the epoch, a layer is not refused for it. */
    if ((unsigned char)header->mtime[0] != 0xff && number(header->mtime, sizeof header->mtime, "mtime", name, &mtime, err) < 0) return -1;
    entry->mtime = (struct timespec){.tv_sec = (time_t)mtime};
  }
  if (header->type == '3' || header->type == '4') {
    if (number(header->major, sizeof header->major, "device number", name, &major, err) < 0) return -1;
    if (number(header->minor, sizeof header->minor, "device number", name, &minor, err) < 0) return -1;
  }
  entry->mode = (mode_t)(mode & 07777);
  if (!ext->uid) entry->uid = (uid_t)uid;
  if (!ext->gid) entry->gid = (gid_t)gid;
  entry->major = (unsigned)major;
  entry->minor = (unsigned)minor;
  return 0;
}

static int classify(char type, struct tar_entry *entry, struct error *err) {
  char shown[256];
  size_t length = strlen(entry->name);
  if (type == 0 || type == '7') type = '0';
  if (type == '0' && length && entry->name[length - 1] == '/') type = '5'; /* v7 marks folders so */
  if (type < '0' || type > '6') {
    return error_text(err, "entry %s: entries of type '%c' are not supported", tar_shown(entry->name, shown, sizeof shown), type >= ' ' && type <= '~' ? type : '?');
  }
  entry->type = type;
  if (type != '0') entry->size = 0; /* a size of links and folders announces no content */
  if (entry->size > INT64_MAX - BLOCK) return error_text(err, "entry %s: too large size", tar_shown(entry->name, shown, sizeof shown));
  return 0;
}

int tar_next(struct stream *stream, struct tar_entry *entry, struct error *err) {
  struct extension ext = {0};
  bool extended = false;
  entry->xattr_count = 0;
  entry->size = 0;
  for (;;) {
    struct header header;
    int rc = stream_read(stream, &header, sizeof header, err);
    if (rc < 0) return -1;
    static const struct header zero;
    if (rc == 0 || memcmp(&header, &zero, sizeof header) == 0) {
      return extended ? error_text(err, "the layer's tar archive ends after an extended header") : 0;
    }
    if (!checksum_holds(&header)) return error_text(err, "the layer is not a tar archive, or is damaged: a header's checksum does not hold");
    uint64_t size = 0;
    char name[PATH_MAX];
    header_name(&header, name);
    if (number(header.size, sizeof header.size, "size", ext.name ? entry->name : name, &size, err) < 0) return -1;
    if (size > INT64_MAX - BLOCK) return error_text(err, "entry %.200s: too large size", ext.name ? entry->name : name);
    if (header.type && strchr("xgLK", header.type)) {
      if (extend(stream, entry, &ext, header.type, size, err) < 0) return -1;
      extended = header.type != 'g';
      continue;
    }
    if (!ext.size) entry->size = size;
    if (fields(&header, entry, &ext, err) < 0 || classify(header.type, entry, err) < 0) return -1;
    return 1;
  }
}

void tar_entry_free(struct tar_entry *entry) {
  free(entry->records);
  entry->records = NULL;
}
