#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int error_errno(struct error *err, const char *syscall, const char *path) {
  int saved = errno;
  err->errnum = saved;
  err->exit_code = 0;
  snprintf(err->syscall, sizeof err->syscall, "%s", syscall);
  snprintf(err->path, sizeof err->path, "%s", path ? path : "");
  snprintf(err->text, sizeof err->text, "%s%s%s: %s", syscall, path ? " " : "", path ? err->path : "", strerror(saved));
  return -1;
}

int error_text(struct error *err, const char *format, ...) {
  va_list args;
  memset(err, 0, sizeof *err);
  va_start(args, format);
  vsnprintf(err->text, sizeof err->text, format, args);
  va_end(args);
  return -1;
}

/* Length of the well-formed UTF-8 character of two bytes and more at `c` (RFC 3629), else 0. */
static size_t utf8_length(const unsigned char *c) {
  const size_t length = *c >= 0xc2 && *c <= 0xdf ? 2 : (*c & 0xf0) == 0xe0 ? 3 : *c >= 0xf0 && *c <= 0xf4 ? 4 : 0;
  for (size_t i = 1; i < length; i++) if ((c[i] & 0xc0) != 0x80) return 0;
  if ((*c == 0xe0 && c[1] < 0xa0) || (*c == 0xed && c[1] > 0x9f) || (*c == 0xf0 && c[1] < 0x90) || (*c == 0xf4 && c[1] > 0x8f)) return 0;
  return length;
}

/* JSON string of bytes that may be anything: what is neither printable ASCII nor UTF-8 is written as \u00XX. */
static size_t quote(char *out, size_t cap, const char *text) {
  size_t n = 0;
  if (cap < 3) return 0;
  out[n++] = '"';
  for (const unsigned char *c = (const unsigned char *)text; *c && n + 8 < cap; c++) {
    const size_t wide = utf8_length(c);
    if (wide > 0) { memcpy(out + n, c, wide); n += wide; c += wide - 1; }
    else if (*c == '"' || *c == '\\') { out[n++] = '\\'; out[n++] = (char)*c; }
    else if (*c < 0x20 || *c > 0x7e) n += (size_t)snprintf(out + n, cap - n, "\\u%04x", *c);
    else out[n++] = (char)*c;
  }
  out[n++] = '"';
  out[n] = 0;
  return n;
}

void error_tame(char *text) {
  for (unsigned char *c = (unsigned char *)text; *c;) {
    const size_t wide = utf8_length(c);
    const bool harmless = wide > 0 ? *c != 0xc2 || c[1] >= 0xa0 : *c >= 0x20 && *c < 0x7f;
    if (!harmless) memset(c, '?', wide > 0 ? wide : 1);
    c += wide > 0 ? wide : 1;
  }
}

void error_write(int fd, const struct error *err) {
  char text[3200], path[3200], line[7000], tamed[sizeof err->text];
  memcpy(tamed, err->text, sizeof tamed);
  error_tame(tamed);
  quote(text, sizeof text, tamed);
  quote(path, sizeof path, err->path);
  int n = snprintf(line, sizeof line, "{\"version\":1,\"error\":%s,\"errno\":%d,\"syscall\":\"%s\",\"path\":%s", text, err->errnum, err->syscall, path);
  if (err->exit_code) n += snprintf(line + n, sizeof line - (size_t)n, ",\"exitCode\":%d", err->exit_code);
  n += snprintf(line + n, sizeof line - (size_t)n, "}\n");
  for (int done = 0; done < n;) {
    ssize_t w = write(fd, line + done, (size_t)(n - done));
    if (w < 0 && errno == EINTR) continue;
    if (w <= 0) return;
    done += (int)w;
  }
}
