#pragma once
#include <poll.h>
#include "error.h"
#include "queue.h"

/* Connections that take part in a container's stdio. Each gets what the container writes from then on: frames `[stream,0,0,0,length as uint32
   big-endian]` and the bytes, or the bytes alone where the container has a terminal; what it sends is the container's input, and its half-close
   the input's end. The container waits for a reader that is behind, as it would for a pipe's, but not for ever. */
#define ATTACH_CLIENTS 8
#define ATTACH_ENTRIES (ATTACH_CLIENTS + 1)
enum { ATTACH_STDIN = 1, ATTACH_STDOUT = 2, ATTACH_STDERR = 4 };

struct attach {
  int input;        /* the container's stdin, or its terminal; -1: none, or closed */
  bool raw;         /* a terminal: no frames */
  bool once;        /* the first end of input is the container's */
  bool ending;      /* `input` is closed once `typed` is empty */
  struct queue typed;
  struct attachment { int fd; unsigned parts; bool typing; struct queue queue; long long since; } clients[ATTACH_CLIENTS];
};

void attach_open(struct attach *attach);
/* Adds a connection with its ATTACH_* parts, as letters `i`, `o`, `e`; takes the descriptor, which it closes where there is no place for it. */
int attach_add(struct attach *attach, int fd, const char *parts, struct error *err);
/* The container's stdin, or its terminal's master. */
void attach_input(struct attach *attach, int input, bool terminal, bool once);
/* Whether every reader has room for another chunk of output. */
bool attach_has_room(const struct attach *attach);
/* `length` is at most 64 KiB. */
void attach_output(struct attach *attach, int stream, const char *bytes, size_t length);
/* Fills ATTACH_ENTRIES entries; free ones have descriptor -1. */
void attach_poll(const struct attach *attach, struct pollfd *entries);
void attach_handle(struct attach *attach, const struct pollfd *entries);
/* ms until a reader that takes nothing has had its time; -1: nobody is behind. */
int attach_patience(const struct attach *attach);
/* Waits until every reader has room, or has had `ms` without taking anything. */
void attach_make_room(struct attach *attach, int ms);
/* Gives every reader the rest, then closes all. */
void attach_finish(struct attach *attach, int ms);
