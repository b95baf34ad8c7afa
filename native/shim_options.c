#include "shim.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static bool append(char *list[SHIM_LIST + 1], char *value) {
  size_t count = 0;
  while (list[count]) count++;
  if (count == SHIM_LIST) return false;
  list[count] = value;
  return true;
}

/* `FD:PARTS`: a connection that was there before the container. */
static bool add_attachment(struct shim *shim, char *text) {
  struct error err;
  char *parts = strchr(text, ':');
  return parts && attach_add(&shim->attach, atoi(text), parts + 1, &err) == 0;
}

bool shim_options(int argc, char **argv, struct shim *shim) {
  static const struct option options[] = {
    {"bundle", required_argument, NULL, 'b'}, {"exit-file", required_argument, NULL, 'e'}, {"log", required_argument, NULL, 'l'},
    {"log-max", required_argument, NULL, 'm'}, {"log-files", required_argument, NULL, 'n'}, {"dns", required_argument, NULL, 'd'},
    {"dns-internal", no_argument, NULL, 'i'}, {"resolv", required_argument, NULL, 'r'}, {"ready-fd", required_argument, NULL, 'f'}, {"lock-fd", required_argument, NULL, 'k'},
    {"control-fd", required_argument, NULL, 'c'}, {"dns-link", required_argument, NULL, 'a'}, {"dns-server", required_argument, NULL, 's'}, {"detached", no_argument, NULL, 't'},
    {"stdin", required_argument, NULL, 'S'}, {"attach-fd", required_argument, NULL, 'A'}, {"start-timeout", required_argument, NULL, 'o'}, {"syslog", required_argument, NULL, 'y'}, {"unmount", required_argument, NULL, 'u'}, {"namespace-fd", required_argument, NULL, 'N'}, FOREIGN_OPTIONS, {0},
  };
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) switch (option) {
    case 'y': shim->syslog = optarg; break;
    case 'N': if (shim->lent_count == NAMESPACE_KINDS) return false; shim->lent[shim->lent_count++] = atoi(optarg); break;
    case 'u': if (!append(shim->mounted, optarg)) return false; break;
    case 'o': shim->start_timeout = atoi(optarg); break;
    case 'b': shim->bundle = optarg; break;
    case 'e': shim->exit_file = optarg; break;
    case 'l': shim->log_path = optarg; break;
    case 'm': shim->log_max = strtoull(optarg, NULL, 10); break;
    case 'n': shim->log_files = atoi(optarg); break;
    case 'd': if (!append(shim->zones, optarg)) return false; break;
    case 'a': if (!append(shim->links, optarg)) return false; break;
    case 's': if (!append(shim->nameservers, optarg)) return false; break;
    case 'i': shim->dns_internal = true; break;
    case 'r': shim->resolv = optarg; break;
    case 'f': shim->ready = atoi(optarg); break;
    case 'c': shim->ready = atoi(optarg); shim->engaged = true; break;
    case 't': shim->detached = true; break;
    case 'k': shim->lock = atoi(optarg); break;
    case 'S': shim->stdin_open = true; shim->stdin_once = strcmp(optarg, "once") == 0; break;
    case 'A': if (!add_attachment(shim, optarg)) return false; break;
    default: if (!foreign_option(&shim->foreign, option, optarg)) return false;
  }
  return optind == argc && (!shim->foreign.program || (shim->foreign.root && shim->foreign.id)) && shim->bundle && shim->exit_file && shim->log_path && *shim->bundle == '/' && *shim->exit_file == '/' && *shim->log_path == '/';
}
