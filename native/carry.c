#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "arena.h"
#include "carried.h"
#include "carried_udp.h"
#include "core.h"
#include "privileges.h"
#include "scope.h"

/* How long a request may be: 1,024 targets with their addresses. */
#define LINE 98304
#define EVENTS 64

/* Carries what packet rules cannot send on from the socket of one port, TCP or UDP, to the containers behind it, also while no engine runs. */
struct carry {
  int epoll;
  struct carry_end listener, engines;  /* fd -1: the port is given up */
  struct carry_targets targets;
  size_t connections;
  bool datagrams;                      /* the port is one of UDP */
  struct flows flows;
  bool full;                           /* no descriptors are left for more */
};

struct engine { struct carry_end end; size_t used; char line[LINE]; };

static bool read_target(json_t *entry, struct sockaddr_storage *place) {
  const char *address = json_string_value(json_object_get(entry, "address"));
  json_int_t port = json_integer_value(json_object_get(entry, "port"));
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
  if (!address || port < 1 || port > 65535) return false;
  *place = (struct sockaddr_storage){0};
  if (inet_pton(AF_INET, address, &four.sin_addr) == 1) { memcpy(place, &four, sizeof four); return true; }
  if (inet_pton(AF_INET6, address, &six.sin6_addr) == 1) { memcpy(place, &six, sizeof six); return true; }
  return false;
}

static int lead(struct carry *carry, json_t *list, struct error *err) {
  static struct carry_targets read;
  size_t index;
  json_t *entry;
  read.count = read.next = 0;
  if (json_array_size(list) > CARRY_TARGETS) return error_text(err, "more than %d targets", CARRY_TARGETS);
  json_array_foreach(list, index, entry)
    if (!read_target(entry, &read.address[read.count++])) return error_text(err, "target %zu: expected an address and a port", index);
  read.next = carry->targets.next;
  carry->targets = read;
  flows_lead(&carry->flows, &read);
  return 0;
}

static void forget(struct carry_end *end) {
  if (end->fd >= 0) close(end->fd);
  end->fd = -1;
}

static int serve(struct carry *carry, const char *line, struct error *err) {
  json_t *request = json_loads(line, 0, NULL);
  const char *op = json_string_value(json_object_get(request, "op"));
  if (!op) { errno = EINVAL; return error_errno(err, "request", "not a JSON object with an op"); }
  if (strcmp(op, "lead") == 0) return lead(carry, json_object_get(request, "to"), err);
  if (strcmp(op, "end") == 0) { forget(&carry->listener); forget(&carry->engines); return 0; }
  errno = ENOSYS;
  return error_errno(err, "op", op);
}

static void answer(struct carry *carry, int fd, const char *line) {
  static const char fine[] = "{\"version\":1,\"ok\":true}\n";
  struct error err;
  if (serve(carry, line, &err) == 0) (void)!send(fd, fine, sizeof fine - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
  else {
    char *text = json_dumps(json_pack("{s:i,s:b,s:s,s:i}", "version", 1, "ok", 0, "error", err.text, "errno", err.errnum), JSON_ENSURE_ASCII);
    if (text) (void)!send(fd, arena_format("%s\n", text), strlen(text) + 1, MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  arena_reset();
}

static void add_engine(struct carry *carry, int fd) {
  struct engine *engine = malloc(sizeof *engine);
  if (!engine) { close(fd); return; }
  engine->end = (struct carry_end){CARRY_ENGINE, fd, engine};
  engine->used = 0;
  if (epoll_ctl(carry->epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = &engine->end}) == 0) return;
  close(fd);
  free(engine);
}

/* False: the engine has gone. */
static bool hear(struct carry *carry, struct engine *engine) {
  ssize_t n = recv(engine->end.fd, engine->line + engine->used, sizeof engine->line - 1 - engine->used, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (n <= 0) return false;
  engine->used += (size_t)n;
  for (char *end; (end = memchr(engine->line, '\n', engine->used));) {
    size_t length = (size_t)(end - engine->line) + 1;
    *end = 0;
    answer(carry, engine->end.fd, engine->line);
    engine->used -= length;
    memmove(engine->line, engine->line + length, engine->used);
  }
  return engine->used < sizeof engine->line - 1; /* no request is that long */
}

static void listens(struct carry *carry, bool on) {
  carry->full = !on;
  if (carry->listener.fd >= 0) epoll_ctl(carry->epoll, EPOLL_CTL_MOD, carry->listener.fd, &(struct epoll_event){.events = on ? EPOLLIN : 0u, .data.ptr = &carry->listener});
}

static void take(struct carry *carry) {
  int client = accept4(carry->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client >= 0) { if (carried_open(carry->epoll, client, &carry->targets)) carry->connections++; }
  else if ((errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) && carry->connections) listens(carry, false); /* until one has ended */
}

static void handle(struct carry *carry, struct carry_end *end, uint32_t events, struct carried **over) {
  if (end->kind == CARRY_FLOW) flows_return(end, carry->listener.fd);
  else if (end->kind == CARRY_LISTENER && carry->datagrams) flows_take(&carry->flows, carry->epoll, end->fd, &carry->targets);
  else if (end->kind == CARRY_LISTENER) take(carry);
  else if (end->kind == CARRY_ENGINES) {
    int fd = accept4(end->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) add_engine(carry, fd);
  } else if (end->kind == CARRY_ENGINE) {
    struct engine *engine = end->owner;
    if (hear(carry, engine)) return;
    close(engine->end.fd);
    free(engine);
  } else {
    struct carried *carried = end->owner;
    if (carried->next || carried_handle(carry->epoll, end, events, &carry->targets)) return;
    carried->next = *over ? *over : carried; /* the last of the list leads to itself */
    *over = carried;
  }
}

static int loop(struct carry *carry, struct error *err) {
  while (carry->listener.fd >= 0 || carry->connections) {
    struct epoll_event events[EVENTS];
    struct carried *over = NULL;
    int count = epoll_wait(carry->epoll, events, EVENTS, flows_settle(&carry->flows));
    if (count < 0 && errno != EINTR) return error_errno(err, "epoll_wait", NULL);
    for (int i = 0; i < count; i++) {
      struct carry_end *end = events[i].data.ptr;
      if (end->fd >= 0) handle(carry, end, events[i].events, &over);
    }
    while (over) {
      struct carried *next = over->next == over ? NULL : over->next;
      carried_close(over);
      carry->connections--;
      over = next;
      if (carry->full) listens(carry, true);
    }
  }
  return 0;
}

static int listen_for_engines(const char *path, struct error *err) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) { errno = ENAMETOOLONG; return error_errno(err, "bind", path); }
  strcpy(address.sun_path, path);
  fd_auto fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return error_errno(err, "socket", path);
  unlink(path);
  mode_t mask = umask(0177);
  int bound = bind(fd, (struct sockaddr *)&address, sizeof address);
  umask(mask);
  if (bound < 0 || listen(fd, 16) < 0) return error_errno(err, "bind", path);
  return fd_steal(&fd);
}

static int prepare(struct carry *carry, const char *path, int listener, int control, struct error *err) {
  signal(SIGPIPE, SIG_IGN);
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) { files.rlim_cur = files.rlim_max; setrlimit(RLIMIT_NOFILE, &files); }
  int engines = listen_for_engines(path, err);
  if (engines < 0) return -1;
  carry->epoll = epoll_create1(EPOLL_CLOEXEC);
  carry->listener = (struct carry_end){CARRY_LISTENER, listener, carry};
  carry->engines = (struct carry_end){CARRY_ENGINES, engines, carry};
  if (carry->epoll < 0) return error_errno(err, "epoll_create1", NULL);
  int type = SOCK_STREAM;
  if (getsockopt(listener, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){sizeof type}) < 0) return error_errno(err, "getsockopt", "port");
  carry->datagrams = type == SOCK_DGRAM;
  if (fcntl(listener, F_SETFL, O_NONBLOCK) < 0 || (carry->datagrams ? flows_prepare(listener) : listen(listener, 4096)) < 0) return error_errno(err, "listen", "port");
  for (struct carry_end **end = (struct carry_end *[]){&carry->listener, &carry->engines, NULL}; *end; end++)
    if (epoll_ctl(carry->epoll, EPOLL_CTL_ADD, (*end)->fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = *end}) < 0) return error_errno(err, "epoll_ctl", NULL);
  if (chdir("/") < 0) return error_errno(err, "chdir", "/");
  if (privileges_drop(err) < 0) return -1;
  add_engine(carry, control);
  return 0;
}

int cmd_carry(int argc, char **argv) {
  static const struct option options[] = {{"socket", required_argument, NULL, 's'}, {"listen-fd", required_argument, NULL, 'l'}, {"control-fd", required_argument, NULL, 'c'}, {0}};
  static struct carry carry;
  const char *path = NULL;
  int listener = -1, control = -1;
  struct error err;
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (option) {
    case 's': path = optarg; break;
    case 'l': listener = atoi(optarg); break;
    case 'c': control = atoi(optarg); break;
    default: path = NULL; optind = argc + 1; break;
  }
  if (optind != argc || !path || listener < 0 || control < 0) {
    error_text(&err, "usage: bayplan-core carry --socket PATH --listen-fd N --control-fd N");
    error_write(2, &err);
    return 1;
  }
  arena_open();
  if (prepare(&carry, path, listener, control, &err) < 0) {
    error_write(control, &err);
    return 1;
  }
  (void)!send(control, "{\"version\":1,\"ready\":true}\n", 27, MSG_NOSIGNAL);
  return loop(&carry, &err) < 0;
}
