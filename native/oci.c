#include "oci.h"

#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>

#include "arena.h"
#include "caps.h"
#include "scope.h"
#include "self.h"
#include "stamp.h"

#ifndef BAYPLAN_VERSION
#define BAYPLAN_VERSION "0.1.0"
#endif

struct oci oci = {.root = "/run/bayplan-core"};

/* `guarded`: makes processes of a container's, which must not be able to write to this program; the others need not pay for it (1 ms). */
static const struct { const char *name; int (*run)(int, char **); const char *what; bool guarded; } commands[] = {
  {"create", oci_create, "make a container from a bundle, to be started later", true}, {"start", oci_start, "run the program of a created container", false},
  {"run", oci_run, "create, start, and unless detached wait and delete", true}, {"state", oci_state, "print a container's state as JSON", false},
  {"kill", oci_kill, "send a signal", false}, {"delete", oci_delete, "destroy a stopped container", false}, {"exec", oci_exec, "run another program in a container", true},
  {"list", oci_list, "list the containers below the root", false}, {"ps", oci_ps, "list a container's processes", false}, {"pause", oci_pause, "freeze all processes", false},
  {"resume", oci_resume, "let them go on", false}, {"update", oci_update, "change resource limits", false}, {"events", oci_events, "print statistics and OOM events", false},
  {"features", oci_features, "print what this runtime supports as JSON", false}, {"spec", oci_spec, "write a config.json to begin with", false},
};
#define COMMANDS (sizeof commands / sizeof *commands)

/* A line as logs have it, to the log, or without one to stderr. */
static void note(const char *level, const char *said) {
  char time[STAMP_ROOM];
  fd_auto fd = oci.log ? open(oci.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : fcntl(2, F_DUPFD_CLOEXEC, 3);
  stamp_now(time);
  if (fd < 0) return;
  json_t *text = json_string_nocheck(said);
  char *quoted = text ? json_dumps(text, JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;
  if (!quoted) quoted = "\"\"";
  if (oci.log_json) dprintf(fd, "{\"level\":\"%s\",\"msg\":%s,\"time\":\"%s\"}\n", level, quoted, time);
  else dprintf(fd, "time=\"%s\" level=%s msg=%s\n", time, level, quoted);
}

static void tell(const char *level, const struct error *err) {
  char text[sizeof err->text];
  memcpy(text, err->text, sizeof text);
  error_tame(text);
  dprintf(2, "%s: %s\n", level, text);
  if (oci.log) note(level, text);
}

void oci_debug(const char *format, ...) {
  char text[1024];
  va_list args;
  if (!oci.debug) return;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  note("debug", text);
}

int oci_fail(const struct error *err, int status) {
  tell("error", err);
  return status;
}
void oci_warn(const struct error *err) { tell("warning", err); }

void oci_warn_of(const struct process_spec *process, bool ambient) {
  struct error warning;
  uint64_t refused = process->caps[CAP_SET_AMBIENT] & ~(process->caps[CAP_SET_PERMITTED] & process->caps[CAP_SET_INHERITABLE]);
  if (process->unknown_caps) { error_text(&warning, "unknown capabilities are left out: %s", process->unknown_caps); oci_warn(&warning); }
  for (int number = 0; ambient && refused >> number; number++) {
    if (!(refused >> number & 1)) continue;
    error_text(&warning, "can't raise ambient capability CAP_%s: it is not both permitted and inheritable", caps_name(number));
    oci_warn(&warning);
  }
}

int oci_check_descriptors(unsigned preserve, struct error *err) {
  for (unsigned i = 0; i < preserve; i++)
    if (fcntl(3 + (int)i, F_GETFD) < 0) return error_text(err, "%u descriptors are to be preserved, but descriptor %u is not open", preserve, 3 + i);
  return 0;
}

int oci_usage(const char *usage) {
  struct error err;
  if (oci.help) return printf("usage: bayplan-core %s\n", usage) < 0;
  error_text(&err, "usage: bayplan-core %s", usage);
  return oci_fail(&err, 1);
}

bool oci_container(int argc, char **argv, const char *usage, struct container *container) {
  struct error err = {0};
  if (optind + 1 != argc) { oci_usage(usage); return false; }
  if (container_load(container, oci.root, argv[optind], &err) == 0) return true;
  oci_fail(&err, 1);
  return false;
}

static void print_version(void) {
  printf("bayplan-core version %s\nspec: 1.2.0\n", BAYPLAN_VERSION);
}

static void print_help(FILE *to) {
  fprintf(to, "usage: bayplan-core [--root DIR] [--log FILE] [--log-format text|json] [--debug] [--version] COMMAND …\n\n");
  for (size_t i = 0; i < COMMANDS; i++) fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].what);
  fprintf(to, "\nnative/README.md has the options, and the commands that the engine uses.\n");
}

int oci_main(int argc, char **argv) {
  static const struct option options[] = {
    {"root", required_argument, NULL, 'r'}, {"log", required_argument, NULL, 'l'}, {"log-format", required_argument, NULL, 'f'}, {"debug", no_argument, NULL, 'd'},
    {"systemd-cgroup", no_argument, NULL, 's'}, {"cgroup-manager", required_argument, NULL, 'm'}, {"rootless", required_argument, NULL, 'R'}, {"criu", required_argument, NULL, 'c'},
    {"version", no_argument, NULL, 'v'}, {"help", no_argument, NULL, 'h'}, {0},
  };
  struct error err;
  arena_open();
  signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error to tell */
  for (int option; (option = getopt_long(argc, argv, "+vh", options, NULL)) != -1;) switch (option) {
    case 'r': oci.root = optarg; oci.root_given = true; break;
    case 'l': oci.log = *optarg ? optarg : NULL; break;
    case 'f':
      if (strcmp(optarg, "json") != 0 && strcmp(optarg, "text") != 0) { error_text(&err, "--log-format is text or json, not %s", optarg); return oci_fail(&err, 1); }
      oci.log_json = strcmp(optarg, "json") == 0;
      break;
    case 'd': oci.debug = true; break;
    case 's': error_text(&err, "--systemd-cgroup is not supported: linux.cgroupsPath is a path below each cgroup hierarchy"); return oci_fail(&err, 1);
    case 'm':
      if (strcmp(optarg, "cgroupfs") == 0) break;
      error_text(&err, "--cgroup-manager %s is not supported: only cgroupfs is", optarg);
      return oci_fail(&err, 1);
    case 'R': case 'c': break; /* of no meaning here */
    case 'v': print_version(); return 0;
    case 'h': print_help(stdout); return 0;
    default: return 1;
  }
  if (optind >= argc) { print_help(stdout); return 0; }
  char here[PATH_MAX];
  if (oci.root[0] != '/') {
    if (!getcwd(here, sizeof here)) { error_errno(&err, "getcwd", oci.root); return oci_fail(&err, 1); }
    oci.root = arena_format("%s/%s", here, oci.root);
  }
  const char *name = argv[optind];
  for (size_t i = 0; i < COMMANDS; i++) {
    if (strcmp(name, commands[i].name) != 0) continue;
    if (commands[i].guarded) self_protect(argv);
    int begin = optind;
    oci.help = begin + 1 < argc && (strcmp(argv[begin + 1], "--help") == 0 || strcmp(argv[begin + 1], "-h") == 0);
    opterr = !oci.help; /* an option that no command knows: each says how it is used */
    optind = 0; /* getopt begins anew */
    return commands[i].run(argc - begin, argv + begin);
  }
  if (strcmp(name, "help") == 0) { print_help(stdout); return 0; }
  error_text(&err, "unknown command \"%s\": bayplan-core --help lists them", name);
  return oci_fail(&err, 1);
}
