#include <errno.h>
#include <pthread.h>
#include "lib_thread.h"

#define STACK_BYTES (128 * 1024)

struct task { int (*body)(void *, struct error *); void *argument; struct error *err; int result; };

static void *start(void *argument) {
  struct task *task = argument;
  task->result = task->body(task->argument, task->err);
  return NULL;
}

int run_on_thread(int (*body)(void *argument, struct error *err), void *argument, struct error *err) {
  struct task task = { body, argument, err, -1 };
  pthread_t thread;
  pthread_attr_t attr;
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, STACK_BYTES);
  int code = pthread_create(&thread, &attr, start, &task);
  pthread_attr_destroy(&attr);
  if (code == 0) code = pthread_join(thread, NULL);
  if (code) {
    errno = code;
    return error_errno(err, "pthread_create", NULL);
  }
  return task.result;
}
