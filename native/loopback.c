#include "loopback.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int loopback_up(struct error *err) {
  struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return error_errno(err, "socket", "lo");
  int result = ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? error_errno(err, "ioctl", "lo") : 0;
  close(fd);
  return result;
}
