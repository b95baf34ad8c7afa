#include "responder.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core.h"
#include "dns_redirect.h"
#include "file.h"
#include "privileges.h"
#include "scope.h"
#include "spawn.h"

/* Where the responder listens in truth, beside what connections take their ports from: port 53 is the container's own. */
#define HIDDEN_PORT 61053
/* How large the file is that says anew what is served. */
#define TEXT_ROOM 65536

static int listen_at(int type, uint16_t port, struct error *err) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(0x7f00000b)};
  fd_auto fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
  int on = 1;
  if (fd < 0) return error_errno(err, "socket", "127.0.0.11:53");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on); /* who shares the namespace brings a responder of its own: either serves when the other has ended */
  setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof on); /* loopback may not be up yet */
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) return error_errno(err, "bind", "127.0.0.11:53");
  if (type == SOCK_STREAM && listen(fd, 16) < 0) return error_errno(err, "listen", "127.0.0.11:53");
  return fd_steal(&fd);
}

int responder_bind(struct responder *responder, const char *netns, struct error *err) {
  fd_auto home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (home < 0) return error_errno(err, "open", "/proc/self/ns/net");
  fd_auto there = open(netns, O_RDONLY | O_CLOEXEC);
  if (there < 0) return error_errno(err, "open", netns);
  if (setns(there, CLONE_NEWNET) < 0) return error_errno(err, "setns", netns);
  struct error ignored; /* a kernel without nf_tables: then only a container that wants port 53 itself misses something */
  uint16_t port = dns_redirect(HIDDEN_PORT, &ignored) < 0 ? 53 : HIDDEN_PORT;
  responder->udp = listen_at(SOCK_DGRAM, port, err);
  if (responder->udp >= 0) responder->tcp = listen_at(SOCK_STREAM, port, err);
  if (setns(home, CLONE_NEWNET) < 0) return error_errno(err, "setns", "/proc/self/ns/net");
  return responder->udp < 0 || responder->tcp < 0 ? -1 : 0;
}

static int drop_privileges(struct error *err) {
  if (privileges_drop(err) < 0) return -1;
  return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ? error_errno(err, "prctl(PR_SET_PDEATHSIG)", NULL) : 0;
}

static _Noreturn void serve(const struct responder *responder, int lifeline) {
  /* Exactly three descriptors, out of the way of their final numbers first. */
  int udp = fcntl(responder->udp, F_DUPFD, 10), tcp = fcntl(responder->tcp, F_DUPFD, 10), life = fcntl(lifeline, F_DUPFD, 10);
  int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; fd++) dup2(null, fd);
  dup2(udp, 3); dup2(tcp, 4); dup2(life, 5);
  syscall(SYS_close_range, 6u, ~0u, 0u);
  prctl(PR_SET_NAME, "bayplan-dns");
  struct error err;
  if (chdir("/") < 0 || drop_privileges(&err) < 0) _exit(1);
  struct dns_options options = {.listen_udp = 3, .listen_tcp = 4, .lifeline = 5, .zones = responder->zones,
    .links = responder->links, .nameservers = responder->nameservers, .resolv = responder->resolv};
  _exit(dns_serve(&options, &err) < 0);
}

int responder_start(struct responder *responder, struct error *err) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return error_errno(err, "pipe2", NULL);
  responder->pid = spawn(0, -1, &responder->pidfd);
  if (responder->pid == 0) serve(responder, ends[0]);
  close(ends[0]);
  if (responder->pid < 0) { close(ends[1]); return error_errno(err, "clone3", "dns"); }
  responder->lifeline = ends[1];
  return 0;
}

void responder_stop(struct responder *responder) {
  if (responder->pidfd < 0) return;
  syscall(SYS_pidfd_send_signal, responder->pidfd, SIGKILL, NULL, 0);
  waitid(P_PIDFD, (id_t)responder->pidfd, NULL, WEXITED);
  close(responder->pidfd);
  close(responder->lifeline);
  responder->pidfd = responder->lifeline = -1;
  responder->pid = 0;
}

/* The text's lines, cut in place: `zone PATH`, `server ADDRESS`, `internal`. What is unknown is a newer engine's. */
static int read_lines(struct responder *responder, char *text, const char *path, struct error *err) {
  static const char version[] = "version 1\n", zone[] = "zone ", server[] = "server ";
  char *zones[RESPONDER_LIST + 1] = {0}, *servers[RESPONDER_LIST + 1] = {0}, *rest;
  size_t zone_count = 0, server_count = 0;
  bool internal = false;
  if (strncmp(text, version, sizeof version - 1) != 0) return error_text(err, "%s: expected version 1", path);
  for (char *line = strtok_r(text + sizeof version - 1, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    if (strncmp(line, zone, sizeof zone - 1) == 0 && zone_count < RESPONDER_LIST) zones[zone_count++] = line + sizeof zone - 1;
    else if (strncmp(line, server, sizeof server - 1) == 0 && server_count < RESPONDER_LIST) servers[server_count++] = line + sizeof server - 1;
    else if (strcmp(line, "internal") == 0) internal = true;
  }
  memcpy(responder->zones, zones, sizeof zones);
  memcpy(responder->nameservers, servers, sizeof servers);
  responder->resolv = internal ? NULL : responder->host_resolv;
  if (internal) responder->nameservers[0] = NULL;
  return 0;
}

int responder_renew(struct responder *responder, pid_t container, struct error *err) {
  char path[4200], netns[64];
  snprintf(path, sizeof path, "%s/dns", responder->bundle);
  char *text = malloc(TEXT_ROOM);
  if (!text) return error_errno(err, "malloc", "dns");
  long length = file_read_at(AT_FDCWD, path, text, TEXT_ROOM);
  if (length < 0) { free(text); return error_errno(err, "read", path); }
  char *shorter = realloc(text, (size_t)length + 1);
  if (shorter) text = shorter;
  if (read_lines(responder, text, path, err) < 0) { free(text); return -1; }
  free(responder->text);
  responder->text = text;
  snprintf(netns, sizeof netns, "/proc/%d/ns/net", container);
  if (responder->udp < 0 && responder_bind(responder, netns, err) < 0) return -1;
  responder_stop(responder);
  return responder_start(responder, err);
}
