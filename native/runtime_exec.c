#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "arena.h"
#include "attend.h"
#include "config.h"
#include "core.h"
#include "foreign.h"
#include "scope.h"

/* `enter` for a container that another runtime has made. */

struct request {
  struct foreign foreign;
  const char *process, *work;
  int control; /* requests for the terminal; -1: none */
  int started; /* is told of the program's start; -1: nobody */
  int engine;  /* as attend() has it */
};

static bool read_options(int argc, char **argv, struct request *request) {
  static const struct option options[] = {
    FOREIGN_OPTIONS, {"process", required_argument, NULL, 'f'}, {"work", required_argument, NULL, 'w'}, {"control-fd", required_argument, NULL, 'n'}, {"started-fd", required_argument, NULL, 'r'}, {"engine-fd", required_argument, NULL, 'e'}, {0},
  };
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (option) {
    case 'f': request->process = optarg; break;
    case 'w': request->work = optarg; break;
    case 'n': request->control = atoi(optarg); break;
    case 'e': request->engine = atoi(optarg); break;
    case 'r': request->started = atoi(optarg); break;
    default: if (!foreign_option(&request->foreign, option, optarg)) return false;
  }
  return optind == argc && request->process && request->work && request->foreign.program && request->foreign.root && request->foreign.id;
}

static int run(const struct request *request, struct error *err) {
  struct process_spec process;
  struct foreign_process made;
  struct relay relay = RELAY_NONE;
  if (config_read_process(request->process, &process, err) < 0) return -1;
  fd_auto signals = attend_signals(err);
  if (signals < 0) return -1;
  struct foreign_stdio stdio = process.terminal ? (struct foreign_stdio){-1, -1, -1} : (struct foreign_stdio){0, 1, 2};
  if (foreign_exec(&request->foreign, request->work, request->process, &stdio, process.terminal, &made, err) < 0) return -1;
  if (request->started >= 0) {
    (void)!write(request->started, "\n", 1); /* the runtime has answered: the program runs */
    close(request->started);
  }
  if (process.terminal) relay_open(&relay, made.master, request->control);
  return attend(made.pid, made.pidfd, signals, request->engine, &relay);
}

int cmd_runtime_exec(int argc, char **argv) {
  struct request request = {.control = -1, .started = -1, .engine = -1};
  struct error err = {0};
  if (!read_options(argc, argv, &request)) {
    fprintf(stderr, "usage: bayplan-core runtime-exec --runtime PROGRAM --runtime-root DIR --runtime-id ID [--runtime-arg ARGUMENT …] --process FILE --work DIR [--control-fd N] [--started-fd N] [--engine-fd N]\n");
    return 2;
  }
  arena_open();
  int code = run(&request, &err);
  if (code < 0) {
    dprintf(2, "%s\n", err.text);
    code = err.exit_code ? err.exit_code : 1;
  }
  attend_tell(request.engine, code);
  return code;
}
