#include "namespaces.h"

#include <sched.h>

const struct namespace namespaces[NAMESPACE_KINDS] = {
  [NS_USER] = {"user", "user", CLONE_NEWUSER}, [NS_PID] = {"pid", "pid", CLONE_NEWPID}, [NS_NETWORK] = {"network", "net", CLONE_NEWNET},
  [NS_IPC] = {"ipc", "ipc", CLONE_NEWIPC}, [NS_UTS] = {"uts", "uts", CLONE_NEWUTS}, [NS_CGROUP] = {"cgroup", "cgroup", CLONE_NEWCGROUP},
  [NS_TIME] = {"time", "time", CLONE_NEWTIME}, [NS_MOUNT] = {"mount", "mnt", CLONE_NEWNS},
};
