/* Times `RUNTIME … run -d` and, once its program has ended, `RUNTIME … delete` of one bundle, both together, ROUNDS times:
   oci ROUNDS BUNDLE RUNTIME [OPTION …]. Prints the median of the sum, of run and of delete in milliseconds as JSON; with `keep` before ROUNDS it leaves the
   containers (c0, c1 …), whose program must not end, and prints the median of the first and the last tenth of run. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST 32
extern char **environ;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* What stays must not hold our own stderr open. */
static bool keeping;

static void run(char **argv) {
  posix_spawn_file_actions_t actions;
  pid_t pid;
  int status;
  posix_spawn_file_actions_init(&actions);
  for (int fd = 0; fd < (keeping ? 3 : 2); fd++) posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
  if ((errno = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ)) != 0) { perror(argv[0]); exit(1); }
  posix_spawn_file_actions_destroy(&actions);
  if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status)) { fprintf(stderr, "%s failed\n", argv[0]); exit(1); }
}

static void await_end(const char *pid_file) {
  FILE *file = fopen(pid_file, "r");
  int pid;
  if (!file || fscanf(file, "%d", &pid) != 1) { perror(pid_file); exit(1); }
  fclose(file);
  int fd = (int)syscall(SYS_pidfd_open, pid, 0);
  struct pollfd entry = {.fd = fd, .events = POLLIN};
  if (fd >= 0) { poll(&entry, 1, 10000); close(fd); }
}

static int by_size(const void *a, const void *b) { return *(const double *)a < *(const double *)b ? -1 : 1; }
static double median(double *list, int count) {
  qsort(list, (size_t)count, sizeof *list, by_size);
  return list[count / 2];
}

int main(int argc, char **argv) {
  bool keep = argc > 1 && strcmp(argv[1], "keep") == 0;
  keeping = keep;
  if (keep) { argv++; argc--; }
  int rounds = argc > 3 ? atoi(argv[1]) : 0, options = argc - 3;
  if (rounds < 1 || options + 8 > MOST) return 2;
  double *sums = calloc(3 * (size_t)rounds, sizeof *sums), *runs = sums + rounds, *deletes = runs + rounds;
  char pid_file[4096], id[32] = "bench", *up[MOST] = {0}, *away[MOST] = {0};
  snprintf(pid_file, sizeof pid_file, "%s/pid", argv[2]);
  for (int i = 0; i < options; i++) up[i] = away[i] = argv[3 + i];
  char *rest[] = {"run", "-d", "--bundle", argv[2], "--pid-file", pid_file, id};
  memcpy(up + options, rest, sizeof rest);
  away[options] = "delete";
  away[options + 1] = id;
  for (int i = 0; i < rounds; i++) {
    if (keep) snprintf(id, sizeof id, "c%d", i);
    double begin = now();
    run(up);
    runs[i] = now() - begin;
    if (keep) continue;
    await_end(pid_file);
    begin = now();
    run(away);
    deletes[i] = now() - begin;
    sums[i] = runs[i] + deletes[i];
  }
  if (keep) {
    int tenth = rounds / 10 > 0 ? rounds / 10 : 1;
    double last = median(runs + rounds - tenth, tenth);
    printf("{\"first\":%.3f,\"last\":%.3f}\n", median(runs, tenth), last);
  } else {
    printf("{\"sum\":%.3f,\"run\":%.3f,\"delete\":%.3f}\n", median(sums, rounds), median(runs, rounds), median(deletes, rounds));
  }
}
