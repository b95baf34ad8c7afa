#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "cgroup_places.h"
#include "file.h"

/* The end of a cgroup: signals to all that live in it, and its removal. */

/* Signals all processes that one folder lists; how many there were, -1 where it is not there. */
static int signal_listed(const char *folder, int number) {
  char path[4200];
  snprintf(path, sizeof path, "%s/cgroup.procs", folder);
  FILE *list = fopen(path, "re");
  if (!list) return -1;
  int count = 0;
  for (int pid; fscanf(list, "%d", &pid) == 1; count++) if (pid > 0) kill(pid, number);
  fclose(list);
  return count;
}

/* Signals all once; how many are left to look for, -1 where there is no such cgroup. */
static int signal_once(const char *path, int number) {
  char folder[4096], file[4200];
  if (number == SIGKILL && cgroup_folder(CGROUP_UNIFIED, path, folder)) {
    snprintf(file, sizeof file, "%s/cgroup.kill", folder);
    if (file_write_at(AT_FDCWD, file, "1") == 0) return 0;
  }
  /* What v1's freezer holds does not even die. */
  if (number == SIGKILL && cgroup_folder(V1_FREEZER, path, folder)) {
    snprintf(file, sizeof file, "%s/freezer.state", folder);
    file_write_at(AT_FDCWD, file, "THAWED"); /* a container that is gone meanwhile is seen below */
  }
  /* Several hierarchies hold the same processes; one that is there will do. */
  static const int order[] = {CGROUP_UNIFIED, V1_PIDS, V1_MEMORY, V1_FREEZER, V1_DEVICES, V1_CPU};
  for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
    int count = cgroup_folder(order[i], path, folder) ? signal_listed(folder, number) : -1;
    if (count >= 0) return count;
  }
  return -1;
}

int cgroup_signal(const char *path, int number, struct error *err) {
  int count = signal_once(path, number);
  if (count < 0) { errno = ESRCH; return error_errno(err, "kill", path); }
  if (number != SIGKILL) return 0;
  /* Who forks between the reading of the list and the signal has children that only the next list has. What stays for a second hangs in the
     kernel, with the signal pending. */
  for (long waited = 0, pause = 100000; count > 0 && waited < 1000000000; waited += pause, pause = pause < 10000000 ? 2 * pause : pause) {
    nanosleep(&(struct timespec){.tv_nsec = pause}, NULL);
    count = signal_once(path, number);
  }
  return 0;
}

/* Takes away what a container made below its own cgroup, then that. */
static int remove_tree(const char *folder) {
  if (rmdir(folder) == 0 || errno == ENOENT) return 0;
  DIR *dir = opendir(folder);
  if (!dir) return errno == ENOENT ? 0 : -1;
  for (struct dirent *entry; (entry = readdir(dir));) {
    if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    char below[4096];
    if (snprintf(below, sizeof below, "%s/%s", folder, entry->d_name) < (int)sizeof below) { remove_tree(below); signal_listed(below, SIGKILL); }
  }
  closedir(dir);
  return rmdir(folder) == 0 || errno == ENOENT ? 0 : -1;
}

void cgroup_discard(const char *path) {
  char folder[4096];
  for (int turns = 0; turns < 100; turns++) {
    bool left = false;
    for (int i = CGROUP_HIERARCHIES - 1; i >= 0; i--) if (cgroup_folder(i, path, folder) && rmdir(folder) < 0 && errno == EBUSY) left = true;
    if (!left) return;
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
  }
}

int cgroup_remove(const char *path, struct error *err) {
  char folder[4096];
  long waited = 0, pause = 200000;
  for (;;) {
    bool left = false;
    for (int i = CGROUP_HIERARCHIES - 1; i >= 0; i--)
      if (cgroup_possible_folder(i, path, folder) && remove_tree(folder) < 0) left = true;
    if (!left) return 0;
    signal_once(path, SIGKILL); /* what cannot be killed shows itself by the folder that stays */
    if (waited > 10000000000) return error_text(err, "cgroup %s still has processes that do not end", path);
    nanosleep(&(struct timespec){.tv_nsec = pause}, NULL);
    waited += pause;
    if (pause < 20000000) pause *= 2;
  }
}
