#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "file.h"
#include "oci.h"

/* runtime.md, "State", and what runc adds: rootfs, created, owner. */
static json_t *state_of(const struct container *container) {
  enum container_status status = container_status(container);
  json_t *object = json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s}", "ociVersion", container->version, "id", container->id, "pid",
    status == CONTAINER_STOPPED ? 0 : container->pid, "status", container_status_name(status), "bundle", container->bundle, "rootfs", container->rootfs,
    "created", container->created, "owner", container->owner);
  return object;
}

static void add_annotations(json_t *object, const struct container *container) {
  struct config config;
  struct error ignored;
  if (container_config(container, &config, &ignored) < 0 || !config.annotation_count) return;
  json_t *annotations = json_object();
  for (size_t i = 0; i < config.annotation_count; i++) json_object_set_new(annotations, config.annotations[i].name, json_string(config.annotations[i].value));
  json_object_set_new(object, "annotations", annotations);
}

int oci_state(int argc, char **argv) {
  struct container container;
  struct error err = {0};
  while (getopt_long(argc, argv, "", (const struct option[]){{0}}, NULL) != -1) return oci_usage("state ID");
  if (!oci_container(argc, argv, "state ID", &container)) return 1;
  json_t *object = state_of(&container);
  if (!object) { error_text(&err, "out of memory"); return oci_fail(&err, 1); }
  add_annotations(object, &container);
  char *text = json_dumps(object, JSON_INDENT(2));
  puts(text ? text : "{}");
  return 0;
}

static void print_row(const struct container *container) {
  enum container_status status = container_status(container);
  printf("%-11s %-11d %-11s %-23s %s %s\n", container->id, status == CONTAINER_STOPPED ? 0 : container->pid, container_status_name(status), container->bundle, container->created, container->owner);
}

/* One container after the other; a record that cannot be read is told and passed over. */
static int list(struct dirent **entries, int count, const char *format, bool quiet) {
  json_t *all = json_array();
  if (!quiet && strcmp(format, "table") == 0) printf("%-11s %-11s %-11s %-23s %s %s\n", "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER");
  for (int i = 0; i < count; i++) {
    struct container container;
    struct error err = {0};
    if (container_load(&container, oci.root, entries[i]->d_name, &err) < 0) { oci_warn(&err); continue; }
    if (quiet) puts(container.id);
    else if (strcmp(format, "table") == 0) print_row(&container);
    else {
      json_t *object = state_of(&container);
      add_annotations(object, &container);
      json_array_append_new(all, object);
    }
  }
  if (!quiet && strcmp(format, "json") == 0) puts(json_dumps(all, JSON_COMPACT));
  return 0;
}

static int is_record(const struct dirent *entry) { return entry->d_name[0] != '.'; }
static int by_name(const struct dirent **one, const struct dirent **other) { return strcmp((*one)->d_name, (*other)->d_name); }

int oci_list(int argc, char **argv) {
  static const struct option options[] = {{"format", required_argument, NULL, 'f'}, {"quiet", no_argument, NULL, 'q'}, {0}};
  static const char usage[] = "list [--format table|json] [--quiet]";
  const char *format = "table";
  struct error err = {0};
  bool quiet = false;
  for (int option; (option = getopt_long(argc, argv, "f:q", options, NULL)) != -1;) switch (option) {
    case 'f': format = optarg; break;
    case 'q': quiet = true; break;
    default: return oci_usage(usage);
  }
  if (strcmp(format, "table") != 0 && strcmp(format, "json") != 0) { error_text(&err, "invalid format option: %s", format); return oci_fail(&err, 1); }
  struct dirent **entries;
  int count = scandir(oci.root, &entries, is_record, by_name);
  if (count >= 0) return list(entries, count, format, quiet);
  if (errno != ENOENT || oci.root_given) { error_errno(&err, "open", oci.root); return oci_fail(&err, 1); }
  if (!quiet) puts(strcmp(format, "json") == 0 ? "[]" : "ID          PID         STATUS      BUNDLE                  CREATED OWNER");
  return 0;
}
