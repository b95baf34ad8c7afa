#include "connect.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "scope.h"

int connect_unix(const char *path, struct error *err) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return error_text(err, "%s: longer than a socket's path may be", path);
  strcpy(address.sun_path, path);
  fd_auto fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return error_errno(err, "socket", path);
  return connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ? error_errno(err, "connect", path) : fd_steal(&fd);
}
