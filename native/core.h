#pragma once
#include "error.h"

/* One subcommand each; argv[0] is the subcommand's name. The result is the exit status. */
int cmd_shim(int argc, char **argv);
int cmd_enter(int argc, char **argv);
int cmd_remove_cgroup(int argc, char **argv);
int cmd_limit(int argc, char **argv);
int cmd_seccomp(int argc, char **argv);
int cmd_unpack(int argc, char **argv);
int cmd_copy_up(int argc, char **argv);
int cmd_mount(int argc, char **argv);
int cmd_umount(int argc, char **argv);
int cmd_make_source(int argc, char **argv);
int cmd_archive(int argc, char **argv);
int cmd_changes(int argc, char **argv);
int cmd_pin(int argc, char **argv);
int cmd_users(int argc, char **argv);
int cmd_shift(int argc, char **argv);
int cmd_init(int argc, char **argv);
int cmd_runtime_exec(int argc, char **argv);
int cmd_identity(int argc, char **argv);
int cmd_subvolume(int argc, char **argv);
int cmd_probe_overlay(int argc, char **argv);
int cmd_carry(int argc, char **argv);
int cmd_replace_content(int argc, char **argv);
int cmd_nursery(int argc, char **argv);
/* Runs the subcommand that argv[1] names; -1 where there is none of that name. */
int core_command(int argc, char **argv);

/* The DNS responder's whole life, in a process of its own that already has its final credentials. `listen_udp` and `listen_tcp` are bound (tcp:
   listening) at 127.0.0.11:53 in the container's network namespace; `upstream_*` are sockets' home: the process itself stays in the host's
   network namespace, so sockets it makes reach the host's resolvers. Ends (returns) when `lifeline` reads EOF. */
struct dns_options {
  int listen_udp, listen_tcp, lifeline;
  char **zones;         /* NULL-terminated paths */
  char **links;         /* NAME=OTHER, NULL-terminated: names that lead where others do */
  char **nameservers;   /* NULL-terminated; where there is none, those of `resolv` */
  const char *resolv;   /* resolv.conf(5), read again when it has changed; NULL: forward nothing */
};
int dns_serve(const struct dns_options *options, struct error *err);
