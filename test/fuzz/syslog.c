/* What a container writes, on its way to a server of logs: cut into lines, whatever the pieces. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static ssize_t fuzz_send(int fd, const void *bytes, size_t length, int flags);
static int fuzz_getsockopt(int fd, int level, int name, void *value, socklen_t *size);
#define send fuzz_send
#define getsockopt fuzz_getsockopt
#include "../../native/syslog.c"

static ssize_t fuzz_send(int fd, const void *bytes, size_t length, int flags) {
  (void)fd; (void)flags;
  const char *text = bytes;
  if (length < 2 || length > LONGEST_LINE + 512 || text[0] != '<' || text[length - 1] != '\n') __builtin_trap();
  return (ssize_t)length;
}
static int fuzz_getsockopt(int fd, int level, int name, void *value, socklen_t *size) {
  (void)fd; (void)level; (void)name; (void)size;
  *(int *)value = SOCK_DGRAM;
  return 0;
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length);
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length) {
  static const char *const formats[] = {"", "rfc3164", "rfc5424", "rfc5424micro"};
  static char name[300];
  memset(name, 'n', sizeof name - 1);
  memset(partial, 0, sizeof partial);
  if (length < 2) return 0;
  struct server server = {.protocol = "udp", .address = "", .port = "", .tag = name, .format = formats[bytes[0] % 4], .host = name, .facility = 23, .pid = 1, .fd = 0};
  for (size_t at = 2; at < length;) {
    size_t room = length - at, some = bytes[at - 1] * 40u + 1;
    struct piece piece = {.seconds = (long long)bytes[1] << 28, .micros = -5, .stream = LOG_STDOUT + bytes[at] % 2, .length = (unsigned)(some < room ? some : room)};
    take(&server, &piece, (const char *)bytes + at);
    at += piece.length;
  }
  return 0;
}
