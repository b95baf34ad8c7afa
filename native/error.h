#pragma once
#include <stdbool.h>

/* A failure on its way up: what was tried, on what, and the kernel's errno. The last parameter of every function that can
   fail; a negative return says it is filled, success leaves it untouched. */
struct error {
  int errnum;             /* 0 where no system call failed */
  char syscall[32];
  char path[512];
  char text[704];         /* whole and readable by itself */
  int exit_code;          /* for a process that could not be run: 126 or 127; else 0 */
};

/* Fills `err` from errno and returns -1. `path` may be NULL. The text is "what path: strerror". */
int error_errno(struct error *err, const char *syscall, const char *path);
/* Fills `err` with a formatted text and no errno, returns -1. */
int error_text(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What is said may have bytes of others in it, of names and of an image's files, and goes to somebody's terminal: those that would steer it, and what is not UTF-8, become `?`. */
void error_tame(char *text);
/* Writes the error as one JSON line of the contract (README.md) to fd. */
void error_write(int fd, const struct error *err);
/* Takes such a line apart again; returns -1 as error_errno does. Only in the program, not in the library. */
int error_read(const char *line, struct error *err);
