#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arena.h"
#include "cgroup.h"
#include "oci.h"
#include "process.h"

/* Column of the word PID in the heading that ps prints; -1: none. */
static int pid_column(char *heading) {
  int column = 0;
  for (char *rest = heading, *word; (word = strsep(&rest, " \n"));) {
    if (!*word) continue;
    if (strcmp(word, "PID") == 0) return column;
    column++;
  }
  return -1;
}

static int number_in(const char *line, int column) {
  while (*line && isspace((unsigned char)*line)) line++;
  while (column-- > 0) {
    while (*line && !isspace((unsigned char)*line)) line++;
    while (*line && isspace((unsigned char)*line)) line++;
  }
  return atoi(line);
}

/* The lines of the host's `ps` that belong to the container. */
static int table(char **arguments, const int *pids, size_t count, struct error *err) {
  int ends[2], status;
  if (pipe(ends) < 0) return error_errno(err, "pipe", NULL);
  pid_t child = fork();
  if (child < 0) return error_errno(err, "fork", "ps");
  if (child == 0) {
    dup2(ends[1], 1);
    close(ends[0]);
    close(ends[1]);
    process_reset_signals();
    execvp("ps", arguments);
    dprintf(2, "ps could not be run: install procps\n");
    _exit(127);
  }
  close(ends[1]);
  FILE *from = fdopen(ends[0], "r");
  char *line = NULL, heading[1024];
  size_t room = 0;
  int column = -1;
  for (bool first = true; from && getline(&line, &room, from) > 0; first = false) {
    if (first) {
      fputs(line, stdout);
      snprintf(heading, sizeof heading, "%s", line);
      column = pid_column(heading);
      continue;
    }
    for (size_t i = 0; column >= 0 && i < count; i++) if (number_in(line, column) == pids[i]) fputs(line, stdout);
  }
  waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return error_text(err, "ps failed");
  return column < 0 ? error_text(err, "ps printed no column PID: choose options with one") : 0;
}

int oci_ps(int argc, char **argv) {
  static const struct option options[] = {{"format", required_argument, NULL, 'f'}, {0}};
  static const char usage[] = "ps [--format table|json] ID [PS OPTIONS]";
  static char *usual[] = {"ps", "-ef", NULL};
  const char *format = "table";
  struct container container;
  struct error err = {0};
  for (int option; (option = getopt_long(argc, argv, "+f:", options, NULL)) != -1;) {
    if (option != 'f') return oci_usage(usage);
    format = optarg;
  }
  if (optind >= argc) return oci_usage(usage);
  if (strcmp(format, "table") != 0 && strcmp(format, "json") != 0) { error_text(&err, "invalid format option: %s", format); return oci_fail(&err, 1); }
  char **arguments = optind + 1 < argc ? argv + optind : usual;
  if (!oci_container(optind + 1, argv, usage, &container)) return 1;
  arguments[0] = "ps";
  size_t count;
  int *pids = cgroup_processes(container.cgroup, &count, &err);
  if (!pids) return oci_fail(&err, 1);
  if (strcmp(format, "table") == 0) return table(arguments, pids, count, &err) < 0 ? oci_fail(&err, 1) : 0;
  json_t *all = json_array();
  for (size_t i = 0; i < count; i++) json_array_append_new(all, json_integer(pids[i]));
  puts(json_dumps(all, JSON_COMPACT));
  return 0;
}
