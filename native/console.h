#pragma once
#include <jansson.h>
#include "error.h"

/* A pseudo-terminal in a container's own devpts (config.md, "process.terminal"). Whoever holds its master owns the terminal. */

/* Opens one below `root`, an O_PATH descriptor of the container's root. The master's descriptor, and in `slave` the other side's. */
int console_open(int root, int *slave, struct error *err);
/* Shows the terminal `slave` at the container's /dev/console. */
int console_show(int root, int slave, struct error *err);
/* The calling process, which leads a session, gets the terminal as its controlling one and as its stdio. */
int console_adopt(int slave, struct error *err);
/* Newlines stay as the program writes them (ONLCR off): what the terminal says goes to our own output, which may be a pipe, or a terminal that sees to its lines itself. */
int console_keep_newlines(int slave, struct error *err);
int console_pass(int socket, int master, struct error *err);
/* The descriptor that the other end passed; non-blocking. */
int console_receive(int socket, struct error *err);
/* Another descriptor of the other side, which keeps a master readable while no process of the container has the terminal open. -1 with errno. */
int console_slave(int master);
int console_resize(int master, unsigned width, unsigned height, struct error *err);
/* The same as a request says it, `{"op":"resize","width":80,"height":24}`. */
int console_request(int master, json_t *request, struct error *err);
