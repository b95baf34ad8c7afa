#pragma once
#include "error.h"
#include "hooks.h"
#include "container.h"

/* The OCI command line, as runc has it: `bayplan-core [GLOBAL OPTIONS] COMMAND …`. */

/* Global options. */
struct oci { const char *root, *log; bool root_given, log_json, debug, help; }; /* help: `COMMAND --help` was asked */
extern struct oci oci;

int oci_main(int argc, char **argv);
/* What is done, told with --debug. */
void oci_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* One command each; argv[0] is its name. The result is the exit status. */
int oci_create(int argc, char **argv);
int oci_run(int argc, char **argv);
int oci_start(int argc, char **argv);
int oci_state(int argc, char **argv);
int oci_kill(int argc, char **argv);
int oci_delete(int argc, char **argv);
int oci_exec(int argc, char **argv);
int oci_list(int argc, char **argv);
int oci_ps(int argc, char **argv);
int oci_pause(int argc, char **argv);
int oci_resume(int argc, char **argv);
int oci_update(int argc, char **argv);
int oci_events(int argc, char **argv);
int oci_features(int argc, char **argv);
int oci_spec(int argc, char **argv);

/* Tells a failure on stderr and in the log; returns `status`. */
int oci_fail(const struct error *err, int status);
void oci_warn(const struct error *err);
/* Warns of what `process` asks for and will not get: capabilities that nobody knows, and `ambient` ones that cannot be so. */
void oci_warn_of(const struct process_spec *process, bool ambient);
/* Whether the descriptors of --preserve-fds, from 3 on, are open: to be asked before others are opened here. */
int oci_check_descriptors(unsigned preserve, struct error *err);
/* Wrong options. Returns 1, as runc does. */
int oci_usage(const char *usage);
/* The container that the command's only argument names; false: told already. */
bool oci_container(int argc, char **argv, const char *usage, struct container *container);
/* Destroys what is left of a container: its processes, cgroup and record; then its poststop hooks. */
int oci_destroy(struct container *container, struct error *err);
