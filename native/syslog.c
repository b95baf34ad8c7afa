#include "syslog.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "arena.h"
#include "file.h"
#include "json_file.h"
#include "log.h"

#define CHUNK 65536
#define LONGEST_LINE 8192
#define RETRY_MS 1000
#define LEAST_ROOM (4 * CHUNK) /* half of it holds a piece */
#define MOST_ROOM (1 << 20)    /* fs.pipe-max-size, as it mostly is */

/* A piece of output on its way to the child. */
struct piece { long long seconds; int micros; int stream; unsigned length; };

struct server {
  const char *protocol, *address, *port, *tag, *format, *host;
  int facility, pid, fd;
};

static int dial_unix(const char *path, int type) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return -1;
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

/* The address is a number: names were looked up by the engine, which may wait. */
static int dial_inet(const struct server *server, int type) {
  struct addrinfo hints = {.ai_socktype = type, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *found;
  if (getaddrinfo(server->address, server->port, &hints, &found) != 0) return -1;
  int fd = socket(found->ai_family, type | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) < 0) { close(fd); fd = -1; }
  freeaddrinfo(found);
  return fd;
}

static int dial(const struct server *server) {
  if (strcmp(server->protocol, "tcp") == 0) return dial_inet(server, SOCK_STREAM);
  if (strcmp(server->protocol, "udp") == 0) return dial_inet(server, SOCK_DGRAM);
  int fd = strcmp(server->protocol, "unix") == 0 ? dial_unix(server->address, SOCK_STREAM) : -1;
  return fd >= 0 ? fd : dial_unix(server->address, SOCK_DGRAM);
}

/* Until it is sent: a stream that breaks is dialled again. A datagram that nobody takes is gone, as datagrams are. */
static void deliver(struct server *server, const char *text, size_t length) {
  for (;;) {
    if (server->fd < 0) server->fd = dial(server);
    int type = 0;
    socklen_t size = sizeof type;
    if (server->fd >= 0) getsockopt(server->fd, SOL_SOCKET, SO_TYPE, &type, &size);
    if (type == SOCK_DGRAM && (send(server->fd, text, length, MSG_NOSIGNAL) >= 0 || errno == ECONNREFUSED || errno == EMSGSIZE)) return;
    if (type == SOCK_STREAM) {
      size_t sent = 0;
      for (ssize_t n; sent < length && (n = send(server->fd, text + sent, length - sent, MSG_NOSIGNAL)) > 0;) sent += (size_t)n;
      if (sent == length) return;
    }
    if (server->fd >= 0) close(server->fd);
    server->fd = -1;
    poll(NULL, 0, RETRY_MS);
  }
}

/* The forms of Docker's driver: the local one without a host's name, RFC 3164, and RFC 5424 in seconds or microseconds. */
static void send_line(struct server *server, const struct piece *piece, const char *line, size_t length) {
  char text[LONGEST_LINE + 512], stamp[64], micros[16] = "";
  int priority = server->facility * 8 + (piece->stream == LOG_STDERR ? 3 : 6);
  time_t seconds = piece->seconds;
  struct tm when;
  int n;
  if (strncmp(server->format, "rfc5424", 7) == 0) {
    gmtime_r(&seconds, &when);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &when);
    if (strcmp(server->format, "rfc5424micro") == 0) snprintf(micros, sizeof micros, ".%06d", piece->micros % 1000000);
    n = snprintf(text, 500, "<%d>1 %s%sZ %.64s %.128s %d %.128s - ", priority, stamp, micros, server->host, server->tag, server->pid, server->tag);
  } else {
    localtime_r(&seconds, &when);
    strftime(stamp, sizeof stamp, "%b %e %H:%M:%S", &when);
    bool host = strcmp(server->format, "rfc3164") == 0;
    n = snprintf(text, 500, "<%d>%s %.64s%s%.128s[%d]: ", priority, stamp, host ? server->host : "", host ? " " : "", server->tag, server->pid);
  }
  memcpy(text + n, line, length);
  text[n + (int)length] = '\n';
  deliver(server, text, (size_t)n + length + 1);
}

static struct partial { char bytes[LONGEST_LINE]; size_t used; } partial[LOG_STDERR + 1];

static void take(struct server *server, const struct piece *piece, const char *bytes) {
  struct partial *open = &partial[piece->stream];
  for (unsigned i = 0; i < piece->length; i++) {
    if (bytes[i] != '\n') open->bytes[open->used++] = bytes[i];
    if (open->used && (bytes[i] == '\n' || open->used == LONGEST_LINE)) {
      send_line(server, piece, open->bytes, open->used);
      open->used = 0;
    }
  }
}

static bool read_all(int fd, void *bytes, size_t length) {
  for (size_t got = 0; got < length;) {
    ssize_t n = read(fd, (char *)bytes + got, length - got);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    got += (size_t)n;
  }
  return true;
}

static _Noreturn void run(struct server *server, int from) {
  static char bytes[CHUNK];
  struct piece piece = {0};
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  file_close_others(3, &from, 1);
  while (read_all(from, &piece, sizeof piece) && read_all(from, bytes, piece.length)) take(server, &piece, bytes);
  for (piece.stream = LOG_STDOUT; piece.stream <= LOG_STDERR; piece.stream++)
    if (partial[piece.stream].used) send_line(server, &piece, partial[piece.stream].bytes, partial[piece.stream].used);
  _exit(0);
}

static const char *text_of(json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

int syslog_start(struct syslog_forward *forward, const char *options, struct error *err) {
  int ends[2];
  json_t *object = json_file_parse(options, strlen(options), "--syslog", err);
  if (!object) return -1;
  struct server server = {.protocol = text_of(object, "protocol"), .address = text_of(object, "address"), .port = text_of(object, "port"), .tag = text_of(object, "tag"),
    .format = text_of(object, "format"), .host = text_of(object, "host"), .facility = (int)json_integer_value(json_object_get(object, "facility")), .pid = getpid(), .fd = -1};
  forward->blocking = json_is_true(json_object_get(object, "blocking"));
  if (pipe2(ends, O_CLOEXEC) < 0) return error_errno(err, "pipe2", "syslog");
  int wanted = (int)json_integer_value(json_object_get(object, "buffer"));
  fcntl(ends[1], F_SETPIPE_SZ, wanted < LEAST_ROOM ? LEAST_ROOM : wanted > MOST_ROOM ? MOST_ROOM : wanted);
  forward->room = fcntl(ends[1], F_GETPIPE_SZ);
  fcntl(ends[1], F_SETFL, O_NONBLOCK);
  forward->child = fork();
  if (forward->child == 0) run(&server, ends[0]);
  close(ends[0]);
  if (forward->child < 0) { close(ends[1]); return error_errno(err, "fork", "syslog"); }
  forward->pipe = ends[1];
  return 0;
}

/* A page of the pipe may be filled by one byte alone: half of it is counted on. */
bool syslog_has_room(const struct syslog_forward *forward) {
  int used = 0;
  if (forward->pipe < 0 || !forward->blocking) return true;
  return ioctl(forward->pipe, FIONREAD, &used) < 0 || used == 0 || used + CHUNK + (int)sizeof(struct piece) <= forward->room / 2;
}

void syslog_send(struct syslog_forward *forward, int stream, const char *bytes, size_t length) {
  static struct { struct piece piece; char bytes[CHUNK]; } whole;
  if (forward->pipe < 0) return;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  int used = 0;
  size_t size = sizeof whole.piece + length;
  if (ioctl(forward->pipe, FIONREAD, &used) == 0 && used + (int)size > forward->room / 2 && used > 0 && !forward->blocking) return; /* the server is behind */
  whole.piece = (struct piece){now.tv_sec, (int)(now.tv_nsec / 1000), stream, (unsigned)length};
  memcpy(whole.bytes, bytes, length);
  for (size_t sent = 0; sent < size;) { /* a piece is whole or not there: what is begun is ended, which the room that was seen allows at once */
    ssize_t n = write(forward->pipe, (char *)&whole + sent, size - sent);
    if (n > 0) { sent += (size_t)n; continue; }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN && poll(&(struct pollfd){.fd = forward->pipe, .events = POLLOUT}, 1, RETRY_MS) > 0) continue;
    close(forward->pipe); /* its child has gone, or hangs in the middle of a piece */
    forward->pipe = -1;
    return;
  }
}

void syslog_finish(struct syslog_forward *forward, int ms) {
  if (forward->child <= 0) return;
  if (forward->pipe >= 0) close(forward->pipe);
  forward->pipe = -1;
  for (int waited = 0; waitpid(forward->child, NULL, WNOHANG) == 0; waited += 5) {
    if (waited >= ms) kill(forward->child, SIGKILL);
    poll(NULL, 0, 5);
  }
  forward->child = 0;
}
