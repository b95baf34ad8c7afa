#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "scope.h"

#define RACES 16 /* others may take the free device first */

int loop_attach(const char *file, bool readonly, char *path, struct error *err) {
  int access = readonly ? O_RDONLY : O_RDWR;
  fd_auto backing = open(file, access | O_CLOEXEC);
  if (backing < 0) return error_errno(err, "open", file);
  fd_auto control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  if (control < 0) return error_errno(err, "open", "/dev/loop-control");
  struct loop_config config = {.fd = (unsigned)backing, .info = {.lo_flags = LO_FLAGS_AUTOCLEAR | (readonly ? LO_FLAGS_READ_ONLY : 0)}};
  snprintf((char *)config.info.lo_file_name, sizeof config.info.lo_file_name, "%s", file);
  for (int race = 0; race < RACES; race++) {
    int number = ioctl(control, LOOP_CTL_GET_FREE);
    if (number < 0) return error_errno(err, "ioctl", "/dev/loop-control");
    snprintf(path, 32, "/dev/loop%d", number);
    fd_auto device = open(path, access | O_CLOEXEC);
    if (device < 0) return error_errno(err, "open", path);
    if (ioctl(device, LOOP_CONFIGURE, &config) == 0) return fd_steal(&device);
    if (errno != EBUSY) return error_errno(err, "ioctl", path);
  }
  return error_text(err, "no loop device is free for %s", file);
}
