/* Bytes in a failure's text: what is said of it steers no terminal, and is one line of JSON that is read back as it was. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arena.h"
#include "error.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length) {
  static struct error said, heard;
  static char line[8000];
  static int fd = -1;
  if (fd < 0) { fd = memfd_create("line", 0); arena_open(); }
  if (fd < 0 || ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0) abort();
  memset(&said, 0, sizeof said);
  memcpy(said.text, bytes, length < sizeof said.text - 1 ? length : sizeof said.text - 1);
  memcpy(said.path, bytes, length < sizeof said.path - 1 ? length : sizeof said.path - 1);
  error_write(fd, &said);
  ssize_t n = pread(fd, line, sizeof line - 1, 0);
  if (n < 2 || line[n - 1] != '\n' || memchr(line, '\n', (size_t)n - 1)) __builtin_trap();
  line[n] = 0;
  error_read(line, &heard);
  error_tame(said.text);
  for (const char *c = said.text; *c; c++) if ((*c >= 0 && *c < 0x20) || *c == 0x7f) __builtin_trap();
  if (strcmp(said.text, heard.text) != 0) __builtin_trap();
  arena_reset();
  return 0;
}
