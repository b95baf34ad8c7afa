#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arena.h"
#include "cgroup.h"
#include "console.h"
#include "file.h"
#include "foreign.h"
#include "scope.h"
#include "spawn.h"

#define HELPER_LAST_WAIT_MS 2000

int control_open(struct control *control, const char *dir, struct error *err) {
  for (int i = 0; i < CONTROL_CLIENTS; i++) control->clients[i].fd = -1;
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "shim.sock"};
  fd_auto fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return error_errno(err, "socket", dir);
  /* By a relative name: a socket's path ends at 107 bytes, the folder's may be longer. */
  if (chdir(dir) < 0) return error_errno(err, "chdir", dir);
  unlink("shim.sock");
  mode_t mask = umask(0177);
  int bound = bind(fd, (struct sockaddr *)&address, sizeof address);
  umask(mask);
  if (bound < 0 || listen(fd, CONTROL_CLIENTS) < 0) return error_errno(err, "bind", dir);
  if (chdir("/") < 0) return error_errno(err, "chdir", "/");
  control->listener = fd_steal(&fd);
  return 0;
}

void control_poll(const struct control *control, struct pollfd *entries) {
  entries[0] = (struct pollfd){.fd = control->listener, .events = POLLIN};
  for (int i = 0; i < CONTROL_CLIENTS; i++) entries[1 + i] = (struct pollfd){.fd = control->clients[i].helper ? control->clients[i].helper : control->clients[i].fd, .events = POLLIN};
}

static void send_answer(int fd, int failed, struct error *err) {
  char text[sizeof err->text + 64]; /* any error, whole */
  int length;
  if (!failed) length = snprintf(text, sizeof text, "{\"version\":1,\"ok\":true}\n");
  else {
    for (char *at = err->text; *at; at++) if (*at == '"' || *at == '\\' || (unsigned char)*at < 0x20 || (unsigned char)*at > 0x7e) *at = '?';
    length = snprintf(text, sizeof text, "{\"version\":1,\"ok\":false,\"error\":\"%s\",\"errno\":%d}\n", err->text, err->errnum);
  }
  (void)!send(fd, text, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT); /* one that does not read loses its answer, nobody else's */
}

/* By the runtime, whose first process need not be a process of this kernel's; SIGKILL reaches the others with it. */
static int send_by_runtime(const struct control *control, int number, bool all, struct error *err) {
  struct error unsaid;
  int rc = foreign_kill(control->foreign, control->bundle, number, err);
  if (all && control->cgroup) { int others = cgroup_signal(control->cgroup, number, &unsaid); rc = rc < 0 ? others : rc; }
  return rc;
}

/* The runtime is another program, which takes its time: the container's output is not to wait for that. */
static int begin_by_runtime(const struct control *control, struct client *client, int number, bool all, struct error *err) {
  int pidfd;
  pid_t pid = spawn(0, -1, &pidfd);
  if (pid < 0) return error_errno(err, "clone3", "a helper");
  if (pid == 0) {
    struct error failure;
    setpgid(0, 0); /* with the runtime, which may have to be ended with it */
    file_close_others(3, &client->fd, 1); /* the lock, and other connections, end with the shim */
    send_answer(client->fd, send_by_runtime(control, number, all, &failure) < 0, &failure);
    _exit(0);
  }
  client->helper = pidfd;
  client->helper_pid = pid;
  return 0;
}

static void end_helper(struct client *client) {
  siginfo_t info = {0};
  while (waitid(P_PIDFD, (id_t)client->helper, &info, WEXITED) < 0 && errno == EINTR) continue;
  close(client->helper);
  client->helper = 0;
  struct error err;
  if (info.si_code == CLD_EXITED && info.si_status == 0) return;
  error_text(&err, "the process that was to pass the signal on has died");
  send_answer(client->fd, 1, &err);
}

static int send_signal(struct control *control, struct client *client, json_t *request, struct error *err) {
  int number = (int)json_integer_value(json_object_get(request, "signal"));
  if (number < 0 || number >= NSIG) { errno = EINVAL; return error_errno(err, "signal", NULL); }
  if (control->foreign) return begin_by_runtime(control, client, number, json_is_true(json_object_get(request, "all")), err);
  if (json_is_true(json_object_get(request, "all"))) {
    if (!control->cgroup) { error_text(err, "the container has no cgroup: only its first process can be signalled"); err->errnum = EOPNOTSUPP; return -1; }
    return cgroup_signal(control->cgroup, number, err);
  }
  if (syscall(SYS_pidfd_send_signal, control->pidfd, number, NULL, 0) < 0) return error_errno(err, "pidfd_send_signal", NULL);
  return 0;
}

/* The connection leaves the control socket's hands once it has its answer. */
static int attach(struct control *control, struct client *client, json_t *request, struct error *err) {
  const char *parts = json_string_value(json_object_get(request, "parts"));
  int fd = fcntl(client->fd, F_DUPFD_CLOEXEC, 3);
  if (fd < 0) return error_errno(err, "fcntl", "attach");
  if (attach_add(control->attach, fd, parts ? parts : "ioe", err) < 0) return -1;
  client->attached = true;
  return 0;
}

static int serve(struct control *control, struct client *client, struct error *err) {
  json_t *request = json_loads(client->line, 0, NULL);
  const char *op = json_string_value(json_object_get(request, "op"));
  if (!op) { errno = EINVAL; return error_errno(err, "request", "not a JSON object with an op"); }
  if (strcmp(op, "ping") == 0) return 0;
  if (strcmp(op, "signal") == 0) return send_signal(control, client, request, err);
  if (strcmp(op, "attach") == 0) return attach(control, client, request, err);
  if (strcmp(op, "resize") == 0) return console_request(control->terminal, request, err);
  if (strcmp(op, "events") == 0) { client->listens = true; return 0; }
  if (strcmp(op, "dns") == 0) return responder_renew(control->responder, control->container, err);
  errno = ENOSYS;
  return error_errno(err, "op", op);
}

static void answer(struct control *control, struct client *client) {
  struct error err;
  int failed = serve(control, client, &err) < 0;
  arena_reset();
  if (!client->helper) send_answer(client->fd, failed, &err);
}

static void drop(struct client *client) {
  close(client->fd);
  *client = (struct client){.fd = -1};
}

/* Whole requests, until one has to be waited for. */
static void serve_all(struct control *control, struct client *client) {
  for (char *end; !client->helper && client->used && (end = memchr(client->line, '\n', client->used));) {
    unsigned length = (unsigned)(end - client->line) + 1;
    *end = 0;
    answer(control, client);
    if (client->attached) { drop(client); return; }
    client->used -= length;
    memmove(client->line, client->line + length, client->used);
  }
  if (client->used == sizeof client->line - 1 && !client->helper) drop(client); /* no request is that long */
}

static void receive(struct control *control, struct client *client) {
  ssize_t n = recv(client->fd, client->line + client->used, sizeof client->line - 1 - client->used, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) { drop(client); return; }
  client->used += (unsigned)n;
  serve_all(control, client);
}

void control_handle(struct control *control, const struct pollfd *entries) {
  for (int i = 0; i < CONTROL_CLIENTS; i++) {
    struct client *client = &control->clients[i];
    if (client->fd < 0 || !entries[1 + i].revents || entries[1 + i].fd != (client->helper ? client->helper : client->fd)) continue;
    if (!client->helper) { receive(control, client); continue; }
    end_helper(client);
    serve_all(control, client);
  }
  if (!(entries[0].revents & POLLIN)) return;
  int fd = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd >= 0) control_add(control, fd);
}

void control_add(struct control *control, int fd) {
  for (int i = 0; i < CONTROL_CLIENTS; i++)
    if (control->clients[i].fd < 0) { control->clients[i].fd = fd; return; }
  close(fd);
}

void control_tell(struct control *control, const char *line) {
  for (int i = 0; i < CONTROL_CLIENTS; i++)
    if (control->clients[i].fd >= 0 && control->clients[i].listens) (void)!send(control->clients[i].fd, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* What passes signals on may still be about to say so. */
static void await_helpers(struct control *control) {
  int patience = HELPER_LAST_WAIT_MS;
  for (struct client *client = control->clients; client < control->clients + CONTROL_CLIENTS; client++) {
    if (!client->helper) continue;
    struct pollfd entry = {.fd = client->helper, .events = POLLIN};
    if (poll(&entry, 1, patience) == 0) {
      kill(-client->helper_pid, SIGKILL);
      kill(client->helper_pid, SIGKILL); /* it may not have had its group yet */
      patience = 0;
    }
    end_helper(client);
  }
}

bool control_watched(const struct control *control) {
  for (int i = 0; i < CONTROL_CLIENTS; i++) if (control->clients[i].fd >= 0) return true;
  return false;
}

void control_close(struct control *control) {
  await_helpers(control);
  for (int i = 0; i < CONTROL_CLIENTS; i++) if (control->clients[i].fd >= 0) drop(&control->clients[i]);
  close(control->listener);
}
