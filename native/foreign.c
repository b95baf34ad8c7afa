#include "foreign.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "console.h"
#include "file.h"
#include "process.h"
#include "scope.h"

#define COMMAND_WORDS 32
enum { PATH_ROOM = 4200 };

bool foreign_option(struct foreign *foreign, int option, char *value) {
  size_t count = 0;
  switch (option) {
    case FOREIGN_PROGRAM: foreign->program = value; return true;
    case FOREIGN_ROOT: foreign->root = value; return true;
    case FOREIGN_ID: foreign->id = value; return true;
    case FOREIGN_ARGUMENT:
      while (foreign->arguments[count]) count++;
      if (count == FOREIGN_ARGUMENTS) return false;
      foreign->arguments[count] = value;
      return true;
    default: return false;
  }
}

/* What a runtime's log, lines of JSON, says last of an error; "" where it says none. */
static void last_error(const char *log, char *text, size_t size) {
  char line[4096];
  FILE *file = fopen(log, "re");
  *text = 0;
  while (file && fgets(line, sizeof line, file)) {
    json_t *object = json_loads(line, 0, NULL);
    const char *level = json_string_value(json_object_get(object, "level")), *message = json_string_value(json_object_get(object, "msg"));
    if (message && level && (strcmp(level, "error") == 0 || strcmp(level, "fatal") == 0)) snprintf(text, size, "%s", message);
  }
  if (file) fclose(file);
}

/* A shell's exit code for what could not be run, told by the words that Docker goes by; 0: it is none of that. */
static int exit_code_of(const char *text) {
  static const char *const missing[] = {"executable file not found", "no such file or directory", "executable file `"}, *const refused[] = {"permission denied", "is a directory", "exec format error"};
  if (!strstr(text, "exec")) return 0;
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) if (strcasestr(text, refused[i])) return 126;
  for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) if (strcasestr(text, missing[i])) return 127;
  return 0;
}

static _Noreturn void become(const struct foreign *foreign, char *const *words, const struct foreign_stdio *stdio) {
  const int from[] = {stdio->in, stdio->out, stdio->errs};
  int null = open("/dev/null", O_RDWR | O_CLOEXEC), high[3];
  for (int i = 0; i < 3; i++) high[i] = fcntl(from[i] >= 0 ? from[i] : null, F_DUPFD_CLOEXEC, 3); /* what is asked for may be where another one goes */
  for (int i = 0; i < 3; i++) dup2(high[i], i);
  process_reset_signals();
  file_close_others(3, NULL, 0);
  execv(foreign->program, words);
  _exit(127);
}

/* The runtime itself, not its container. Its exit status as waitid(2) has it. */
static int await_runtime(pid_t pid, int timeout, const char *what, siginfo_t *info, struct error *err) {
  fd_auto pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  struct pollfd entry = {.fd = pidfd, .events = POLLIN};
  bool late = pidfd >= 0 && timeout && poll(&entry, 1, timeout * 1000) == 0;
  if (late) kill(pid, SIGKILL);
  while (waitid(P_PID, (id_t)pid, info, WEXITED) < 0 && errno == EINTR) continue;
  return late ? error_text(err, "%s does not answer (%d s)", what, timeout) : 0;
}

/* One command, to its end. `command` is NULL-terminated. */
static int run(const struct foreign *foreign, const char *work, const char *const *command, const struct foreign_stdio *stdio, struct error *err) {
  char log[PATH_ROOM], said[600], what[600];
  const char *words[COMMAND_WORDS + FOREIGN_ARGUMENTS];
  size_t count = 0;
  siginfo_t info = {0};
  snprintf(log, sizeof log, "%s/runtime.log.%d", work, getpid());
  unlink(log);
  words[count++] = foreign->program;
  for (size_t i = 0; foreign->arguments[i]; i++) words[count++] = foreign->arguments[i];
  const char *const ours[] = {"--root", foreign->root, "--log", log, "--log-format", "json"};
  for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) words[count++] = ours[i];
  for (size_t i = 0; command[i]; i++) words[count++] = command[i];
  words[count] = NULL;
  snprintf(what, sizeof what, "%s %s", foreign->program, command[0]);
  pid_t pid = fork();
  if (pid < 0) return error_errno(err, "fork", foreign->program);
  if (pid == 0) become(foreign, (char *const *)words, stdio);
  if (await_runtime(pid, foreign->timeout, what, &info, err) < 0) { unlink(log); return -1; }
  bool done = info.si_code == CLD_EXITED && info.si_status == 0;
  if (!done) last_error(log, said, sizeof said);
  unlink(log);
  if (done) return 0;
  if (*said) error_text(err, "%s: %s", foreign->program, said);
  else if (info.si_code == CLD_EXITED && info.si_status == 127 && access(foreign->program, X_OK) < 0) error_errno(err, "execve", foreign->program);
  else error_text(err, "%s ended with %s %d", what, info.si_code == CLD_EXITED ? "code" : "signal", info.si_status);
  err->exit_code = exit_code_of(said);
  return -1;
}

/* Where a runtime sends the master of a terminal to. */
static int listen_for_console(const char *path, struct error *err) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return error_text(err, "%s: the name is too long for a socket", path);
  strcpy(address.sun_path, path);
  fd_auto fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return error_errno(err, "socket", path);
  unlink(path);
  mode_t mask = umask(0177);
  int bound = bind(fd, (struct sockaddr *)&address, sizeof address);
  umask(mask);
  return bound < 0 || listen(fd, 1) < 0 ? error_errno(err, "bind", path) : fd_steal(&fd);
}

static int receive_console(int listener, struct error *err) {
  struct pollfd entry = {.fd = listener, .events = POLLIN};
  if (poll(&entry, 1, 1000) <= 0) return error_text(err, "the runtime has sent no terminal");
  fd_auto connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  return connection < 0 ? error_errno(err, "accept", "the terminal's socket") : console_receive(connection, err);
}

static int read_pid(const char *path, struct foreign_process *made, struct error *err) {
  char text[32];
  if (file_read_at(AT_FDCWD, path, text, sizeof text) < 0) return error_errno(err, "read", path);
  unlink(path);
  made->pid = atoi(text);
  made->pidfd = (int)syscall(SYS_pidfd_open, made->pid, 0);
  return made->pidfd < 0 ? error_errno(err, "pidfd_open", "the runtime's process") : 0;
}

/* A command that leaves a process behind. `middle`: its words between the options that are the same for all and the id. */
static int begin(const struct foreign *foreign, const char *work, const char *const *middle, const struct foreign_stdio *stdio, bool terminal, struct foreign_process *made, struct error *err) {
  char pid_file[PATH_ROOM], console[PATH_ROOM];
  const char *command[COMMAND_WORDS];
  size_t count = 0;
  *made = (struct foreign_process){-1, -1, -1};
  snprintf(pid_file, sizeof pid_file, "%s/runtime.pid.%d", work, getpid());
  snprintf(console, sizeof console, "%s/tty.%d", work, getpid());
  fd_auto listener = terminal ? listen_for_console(console, err) : -1;
  if (terminal && listener < 0) return -1;
  while (middle[count]) { command[count] = middle[count]; count++; }
  command[count++] = "--pid-file";
  command[count++] = pid_file;
  if (terminal) { command[count++] = "--console-socket"; command[count++] = console; }
  command[count++] = foreign->id;
  command[count] = NULL;
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  int rc = run(foreign, work, command, stdio, err);
  if (rc == 0) rc = read_pid(pid_file, made, err);
  if (rc == 0 && terminal && (made->master = receive_console(listener, err)) < 0) rc = -1;
  if (terminal) unlink(console);
  return rc;
}

int foreign_create(const struct foreign *foreign, const char *bundle, const struct foreign_stdio *stdio, bool terminal, struct foreign_process *made, struct error *err) {
  const char *const middle[] = {"create", "--bundle", bundle, NULL};
  return begin(foreign, bundle, middle, stdio, terminal, made, err);
}

int foreign_exec(const struct foreign *foreign, const char *work, const char *process, const struct foreign_stdio *stdio, bool terminal, struct foreign_process *made, struct error *err) {
  const char *const middle[] = {"exec", "--detach", "--process", process, NULL};
  return begin(foreign, work, middle, stdio, terminal, made, err);
}

static int simply(const struct foreign *foreign, const char *work, const char *const *command, struct error *err) {
  return run(foreign, work, command, &(struct foreign_stdio){-1, -1, -1}, err);
}

int foreign_start(const struct foreign *foreign, const char *work, struct error *err) { return simply(foreign, work, (const char *const[]){"start", foreign->id, NULL}, err); }

int foreign_kill(const struct foreign *foreign, const char *work, int number, struct error *err) {
  char text[16];
  snprintf(text, sizeof text, "%d", number);
  return simply(foreign, work, (const char *const[]){"kill", foreign->id, text, NULL}, err);
}

int foreign_delete(const struct foreign *foreign, const char *work, struct error *err) { return simply(foreign, work, (const char *const[]){"delete", "--force", foreign->id, NULL}, err); }
