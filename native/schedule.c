#include "schedule.h"

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* sched_setattr(2); glibc has no name for it. */
struct attributes { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t runtime, deadline, period; };

int schedule_apply(const struct process_spec *process, struct error *err) {
  const struct scheduler *scheduler = &process->scheduler;
  if (scheduler->set) {
    struct attributes attributes = {.size = sizeof attributes, .policy = scheduler->policy, .flags = scheduler->flags, .nice = scheduler->nice, .priority = scheduler->priority,
      .runtime = scheduler->runtime, .deadline = scheduler->deadline, .period = scheduler->period};
    if (syscall(SYS_sched_setattr, 0, &attributes, 0) < 0) return error_errno(err, "sched_setattr", "process.scheduler");
  }
  if (process->io_priority && syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, process->io_priority) < 0) return error_errno(err, "ioprio_set", "process.ioPriority");
  return 0;
}

int schedule_cpus(const char *list, struct error *err) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (!list) memset(&set, 0xff, sizeof set);
  for (const char *at = list; at && *at;) {
    char *end;
    unsigned long first = strtoul(at, &end, 10), last = first;
    if (end == at) return error_text(err, "execCPUAffinity: \"%s\" is no list of processors as 0-3,6", list);
    if (*end == '-') { at = end + 1; last = strtoul(at, &end, 10); if (end == at) return error_text(err, "execCPUAffinity: \"%s\" is no list of processors as 0-3,6", list); }
    if (last < first || last >= CPU_SETSIZE || (*end && *end != ',')) return error_text(err, "execCPUAffinity: \"%s\" is no list of processors as 0-3,6", list);
    for (; first <= last; first++) CPU_SET(first, &set);
    at = *end ? end + 1 : end;
  }
  return sched_setaffinity(0, sizeof set, &set) < 0 ? error_errno(err, "sched_setaffinity", list) : 0;
}
