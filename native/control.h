#pragma once
#include <poll.h>
#include "attach.h"
#include "error.h"
#include "responder.h"

/* The shim's socket for its engines: a JSON line a request, one a response. */
#define CONTROL_CLIENTS 16
struct foreign;
struct control {
  int listener, pidfd;
  const char *cgroup;   /* NULL: none */
  const struct foreign *foreign; /* what runs the container; NULL: our own core */
  const char *bundle;
  int terminal;         /* its master; -1: none */
  struct attach *attach;
  struct responder *responder;
  pid_t container;      /* its first process */
  /* `helper`: a process that sees to the connection's last request, and answers it; 0: none. Requests behind that wait. */
  struct client { int fd, helper; pid_t helper_pid; unsigned used; bool attached, listens; char line[496]; } clients[CONTROL_CLIENTS];
};

/* Listens at DIR/shim.sock, mode 0600. */
int control_open(struct control *control, const char *dir, struct error *err);
/* Fills 1 + CONTROL_CLIENTS entries; free ones have descriptor -1. */
void control_poll(const struct control *control, struct pollfd *entries);
/* Serves a connection; one too many is closed. */
void control_add(struct control *control, int fd);
void control_handle(struct control *control, const struct pollfd *entries);
/* Says a line to those that asked for events. */
void control_tell(struct control *control, const char *line);
/* Whether anybody is connected. */
bool control_watched(const struct control *control);
/* Closes all connections, which tells their engines that the shim has ended. */
void control_close(struct control *control);
