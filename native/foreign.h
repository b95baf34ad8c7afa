#pragma once
#include <stdbool.h>
#include <sys/types.h>
#include "error.h"

/* Another OCI runtime (runc, crun, …) by its command line, as containerd's shims drive it. The processes that it starts become the caller's children: whoever calls is their subreaper. */
#define FOREIGN_ARGUMENTS 16
struct foreign {
  const char *program;      /* NULL: there is none, our own core runs the container */
  const char *root;         /* of its records */
  const char *id;
  char *arguments[FOREIGN_ARGUMENTS + 1]; /* before the command; NULL-terminated */
  int timeout;              /* seconds for one command; 0: no end */
};

/* `--runtime`, `--runtime-root`, `--runtime-id`, `--runtime-arg`, which getopt_long shall answer as these. */
enum { FOREIGN_PROGRAM = 1000, FOREIGN_ROOT, FOREIGN_ID, FOREIGN_ARGUMENT };
#define FOREIGN_OPTIONS {"runtime", required_argument, NULL, FOREIGN_PROGRAM}, {"runtime-root", required_argument, NULL, FOREIGN_ROOT}, {"runtime-id", required_argument, NULL, FOREIGN_ID}, {"runtime-arg", required_argument, NULL, FOREIGN_ARGUMENT}
/* False where it is none of them, or there are too many. */
bool foreign_option(struct foreign *foreign, int option, char *value);

struct foreign_stdio { int in, out, errs; }; /* -1: /dev/null */
struct foreign_process { pid_t pid; int pidfd, master; }; /* master: of its terminal, or -1 */

/* Creates the container of a bundle, which waits for its start. `terminal`: it has one. `work`: folder for files between us and the runtime. */
int foreign_create(const struct foreign *foreign, const char *bundle, const struct foreign_stdio *stdio, bool terminal, struct foreign_process *made, struct error *err);
int foreign_start(const struct foreign *foreign, const char *work, struct error *err);
/* Runs the OCI process of a file in the container, detached from the runtime. */
int foreign_exec(const struct foreign *foreign, const char *work, const char *process, const struct foreign_stdio *stdio, bool terminal, struct foreign_process *made, struct error *err);
int foreign_kill(const struct foreign *foreign, const char *work, int number, struct error *err);
/* With whatever is left of it; nothing there is fine. */
int foreign_delete(const struct foreign *foreign, const char *work, struct error *err);
