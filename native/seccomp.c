#include "seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arena.h"
#include "core.h"
#include "file.h"
#include "scope.h"
#include "seccomp_numbers.h"

#define MAX_PROGRAM 4096 /* BPF_MAXINSNS */

struct condition { unsigned index; enum scmp_compare op; uint64_t value, second; };
/* `any`: one of the conditions is enough (the specification's reading of several on one argument). */
struct rule { uint32_t action; bool any; unsigned count; struct condition conditions[6]; struct rule *next; };
struct call { uint32_t number; struct rule *rules, *last; };
struct calls { struct call *list; size_t count; };
struct program { struct sock_filter *code; unsigned short length; bool full; };

static int action_of(const char *name, int64_t number, uint32_t *action, struct error *err) {
  static const struct { const char *name; uint32_t action; } actions[] = {
    {"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW}, {"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO}, {"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD},
    {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD}, {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS}, {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP},
    {"SCMP_ACT_TRACE", SECCOMP_RET_TRACE}, {"SCMP_ACT_LOG", SECCOMP_RET_LOG}, {SECCOMP_NOTIFY, SECCOMP_RET_USER_NOTIF},
  };
  for (size_t i = 0; name && i < sizeof actions / sizeof *actions; i++)
    if (strcmp(name, actions[i].name) == 0) {
      *action = actions[i].action;
      if (*action == SECCOMP_RET_ERRNO || *action == SECCOMP_RET_TRACE) *action |= (uint32_t)(number < 0 ? EPERM : number) & SECCOMP_RET_DATA;
      return 0;
    }
  return error_text(err, "seccomp: unknown or unsupported action \"%s\"", name ? name : "");
}

static int condition_of(json_t *entry, struct condition *out, struct error *err) {
  static const struct { const char *name; enum scmp_compare op; } ops[] = {
    {"SCMP_CMP_NE", SCMP_CMP_NE}, {"SCMP_CMP_LT", SCMP_CMP_LT}, {"SCMP_CMP_LE", SCMP_CMP_LE}, {"SCMP_CMP_EQ", SCMP_CMP_EQ},
    {"SCMP_CMP_GE", SCMP_CMP_GE}, {"SCMP_CMP_GT", SCMP_CMP_GT}, {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
  };
  const char *name = json_string_value(json_object_get(entry, "op"));
  json_int_t index = json_integer_value(json_object_get(entry, "index"));
  for (size_t i = 0; name && i < sizeof ops / sizeof *ops; i++)
    if (strcmp(name, ops[i].name) == 0 && index >= 0 && index < 6) {
      *out = (struct condition){.index = (unsigned)index, .op = ops[i].op, .value = (uint64_t)json_number_value(json_object_get(entry, "value")),
        .second = (uint64_t)json_number_value(json_object_get(entry, "valueTwo"))};
      return 0;
    }
  return error_text(err, "seccomp: an argument's index is 0 to 5 and its op one of SCMP_CMP_*");
}

static int rule_of(json_t *entry, struct rule *rule, struct error *err) {
  json_t *errnum = json_object_get(entry, "errnoRet"), *args = json_object_get(entry, "args");
  *rule = (struct rule){.count = (unsigned)json_array_size(args)};
  if (action_of(json_string_value(json_object_get(entry, "action")), errnum ? json_integer_value(errnum) : -1, &rule->action, err) < 0) return -1;
  if (rule->count > 6) return error_text(err, "seccomp: more than six arguments in one rule");
  unsigned seen = 0;
  for (unsigned i = 0; i < rule->count; i++) {
    if (condition_of(json_array_get(args, i), &rule->conditions[i], err) < 0) return -1;
    rule->any |= seen >> rule->conditions[i].index & 1;
    seen |= 1u << rule->conditions[i].index;
  }
  return 0;
}

static void add_rule(struct calls *calls, uint32_t number, const struct rule *rule) {
  struct call *call = NULL;
  for (size_t i = 0; i < calls->count && !call; i++) if (calls->list[i].number == number) call = &calls->list[i];
  if (!call) {
    call = &calls->list[calls->count++];
    *call = (struct call){.number = number};
  }
  struct rule *copy = arena_alloc(sizeof *copy);
  *copy = *rule;
  copy->next = NULL;
  *(call->last ? &call->last->next : &call->rules) = copy;
  call->last = copy;
}

static void emit(struct program *program, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k) {
  if (program->length == MAX_PROGRAM) { program->full = true; return; }
  program->code[program->length++] = (struct sock_filter){code, jt, jf, k};
}
static void emit_load(struct program *program, size_t offset) { emit(program, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset); }
static void emit_return(struct program *program, uint32_t action) { emit(program, BPF_RET | BPF_K, 0, 0, action); }

/* One comparison of a 64-bit argument. Falls through where it holds, else skips over the instruction that follows. Without a jump
   longer than its own few instructions; the instruction that follows is the caller's `ja`. */
static void emit_condition(struct program *program, const struct condition *c) {
  size_t low = offsetof(struct seccomp_data, args) + 8 * c->index, high = low + 4;
  uint32_t value_low = (uint32_t)c->value, value_high = (uint32_t)(c->value >> 32);
  enum scmp_compare op = c->op;
  bool inverse = op == SCMP_CMP_NE || op == SCMP_CMP_LT || op == SCMP_CMP_LE;
  /* `yes` and `no` of the comparison below are 1 (skip the ja: the condition failed) and 0 (reach it), or the other way round. */
  uint8_t hit = inverse ? 1 : 0, miss = inverse ? 0 : 1;
  emit_load(program, high);
  if (op == SCMP_CMP_MASKED_EQ) {
    emit(program, BPF_ALU | BPF_AND | BPF_K, 0, 0, value_high);
    emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, (uint32_t)(c->second >> 32) & value_high);
    emit_load(program, low);
    emit(program, BPF_ALU | BPF_AND | BPF_K, 0, 0, value_low);
    emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)c->second & value_low);
  } else if (op == SCMP_CMP_EQ || op == SCMP_CMP_NE) {
    emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(2 + miss), value_high);
    emit_load(program, low);
    emit(program, BPF_JMP | BPF_JEQ | BPF_K, hit, miss, value_low);
  } else { /* GT, and LE as its inverse; GE, and LT as its inverse */
    uint16_t test = op == SCMP_CMP_GT || op == SCMP_CMP_LE ? BPF_JGT : BPF_JGE;
    emit(program, BPF_JMP | BPF_JGT | BPF_K, (uint8_t)(3 + hit), 0, value_high);
    emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(2 + miss), value_high);
    emit_load(program, low);
    emit(program, BPF_JMP | test | BPF_K, hit, miss, value_low);
  }
}

/* What one call's rules say, in their order; the first that matches decides, else `otherwise`. */
static void emit_call(struct program *program, const struct call *call, uint32_t otherwise) {
  for (const struct rule *rule = call->rules; rule; rule = rule->next) {
    if (rule->count == 0) { emit_return(program, rule->action); return; }
    unsigned short skips[6];
    for (unsigned i = 0; i < rule->count; i++) {
      emit_condition(program, &rule->conditions[i]);
      if (rule->any) { emit_return(program, rule->action); continue; }
      emit(program, BPF_JMP | BPF_JA, 0, 0, 1); /* it holds: over the jump away */
      skips[i] = program->length;
      emit(program, BPF_JMP | BPF_JA, 0, 0, 0);
    }
    if (rule->any) continue;
    emit_return(program, rule->action);
    for (unsigned i = 0; i < rule->count && !program->full; i++) program->code[skips[i]].k = (uint32_t)(program->length - skips[i] - 1);
  }
  emit_return(program, otherwise);
}

/* A stretch of numbers with one answer; `call` where the answer depends on arguments. */
struct stretch { uint32_t first, action; const struct call *call; };

static void emit_search(struct program *program, const struct stretch *list, size_t count, uint32_t otherwise) {
  if (count == 1) {
    if (list->call) emit_call(program, list->call, otherwise);
    else emit_return(program, list->action);
    return;
  }
  size_t half = count / 2;
  unsigned short test = program->length;
  emit(program, BPF_JMP | BPF_JGE | BPF_K, 0, 0, list[half].first);
  emit_search(program, list, half, otherwise);
  if (program->full) return;
  size_t over = (size_t)(program->length - test - 1);
  if (over <= 255) {
    program->code[test].jt = (uint8_t)over;
  } else { /* too far for a conditional jump: one that is not goes between */
    emit_return(program, 0);
    if (program->full) return;
    memmove(&program->code[test + 2], &program->code[test + 1], over * sizeof *program->code);
    program->code[test].jf = 1;
    program->code[test + 1] = (struct sock_filter){BPF_JMP | BPF_JA, 0, 0, (uint32_t)over};
  }
  emit_search(program, list + half, count - half, otherwise);
}

static int by_number(const void *a, const void *b) {
  uint32_t x = ((const struct call *)a)->number, y = ((const struct call *)b)->number;
  return x < y ? -1 : x > y;
}

/* The block of one architecture; the number is loaded already. */
static void emit_block(struct program *program, struct calls *calls, uint32_t otherwise) {
  qsort(calls->list, calls->count, sizeof *calls->list, by_number);
  struct stretch *list = arena_alloc((2 * calls->count + 2) * sizeof *list);
  size_t count = 0;
  list[count++] = (struct stretch){0, otherwise, NULL};
  uint32_t after = 0;
  for (size_t i = 0; i < calls->count; i++) {
    const struct call *call = &calls->list[i];
    bool plain = call->rules->count == 0;
    struct stretch *last = &list[count - 1];
    if (call->number > after && (last->call || last->action != otherwise)) { list[count++] = (struct stretch){after, otherwise, NULL}; last = &list[count - 1]; }
    if (!plain || last->call || last->action != call->rules->action) {
      if (last->first == call->number) count--; /* an empty stretch before it */
      list[count++] = (struct stretch){call->number, plain ? call->rules->action : 0, plain ? NULL : call};
    }
    after = call->number + 1;
  }
  bool refuses = (otherwise & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO || otherwise == SECCOMP_RET_KILL_THREAD || otherwise == SECCOMP_RET_KILL_PROCESS;
  if (calls->count) list[count++] = (struct stretch){after, refuses ? SECCOMP_RET_ERRNO | ENOSYS : otherwise, NULL};
  emit_search(program, list, count, otherwise);
}

static int collect(json_t *profile, bool *wanted, struct calls *calls, struct error *err) {
  size_t i, k, total = 0;
  json_t *entry, *name;
  json_array_foreach(json_object_get(profile, "syscalls"), i, entry) total += json_array_size(json_object_get(entry, "names"));
  for (size_t arch = 0; arch < SECCOMP_ARCHITECTURES; arch++) calls[arch].list = arena_alloc((total + 1) * sizeof *calls[arch].list);
  json_array_foreach(json_object_get(profile, "syscalls"), i, entry) {
    struct rule rule;
    if (rule_of(entry, &rule, err) < 0) return -1;
    json_array_foreach(json_object_get(entry, "names"), k, name)
      for (size_t arch = 0; arch < SECCOMP_ARCHITECTURES; arch++) {
        if (!wanted[arch] || !json_is_string(name)) continue;
        long number = seccomp_number(json_string_value(name), arch);
        if (number >= 0) add_rule(&calls[arch], (uint32_t)number, &rule);
      }
  }
  return 0;
}

bool seccomp_is_action(json_t *object, const char *key, const char *action) {
  const char *name = json_string_value(json_object_get(object, key));
  return name && strcmp(name, action) == 0;
}

bool seccomp_notifies(json_t *profile) {
  size_t i;
  json_t *entry;
  bool wanted = seccomp_is_action(profile, "defaultAction", SECCOMP_NOTIFY);
  json_array_foreach(json_object_get(profile, "syscalls"), i, entry) wanted |= seccomp_is_action(entry, "action", SECCOMP_NOTIFY);
  return wanted;
}

int seccomp_build(json_t *profile, struct sock_fprog *out, struct error *err) {
  json_t *errnum = json_object_get(profile, "defaultErrnoRet"), *names = json_object_get(profile, "architectures"), *name;
  uint32_t otherwise;
  if (action_of(json_string_value(json_object_get(profile, "defaultAction")), errnum ? json_integer_value(errnum) : -1, &otherwise, err) < 0) return -1;
  bool wanted[SECCOMP_ARCHITECTURES] = {false};
  size_t i;
  json_array_foreach(names, i, name) {
    size_t arch = 0;
    while (arch < SECCOMP_ARCHITECTURES && strcmp(seccomp_architectures[arch].name, json_string_value(name) ? json_string_value(name) : "") != 0) arch++;
    if (arch < SECCOMP_ARCHITECTURES) wanted[arch] = true; /* others cannot run on the machines this program runs on */
  }
  for (size_t arch = 0; arch < SECCOMP_ARCHITECTURES; arch++) if (seccomp_architectures[arch].token == seccomp_arch_native()) wanted[arch] = true;
  struct calls calls[SECCOMP_ARCHITECTURES] = {0};
  if (collect(profile, wanted, calls, err) < 0) return -1;

  struct program program = {.code = arena_alloc(MAX_PROGRAM * sizeof *program.code)};
  if (!program.code) return error_text(err, "seccomp: the profile is too large");
  for (size_t arch = 0; arch < SECCOMP_ARCHITECTURES; arch++) {
    if (!wanted[arch] || seccomp_architectures[arch].x32) continue;
    emit_load(&program, offsetof(struct seccomp_data, arch));
    emit(&program, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, seccomp_architectures[arch].audit);
    unsigned short other = program.length;
    emit(&program, BPF_JMP | BPF_JA, 0, 0, 0);
    emit_load(&program, offsetof(struct seccomp_data, nr));
    if (seccomp_architectures[arch].audit == AUDIT_ARCH_X86_64) { /* x32 shares the architecture's number and has a bit of its own */
      emit(&program, BPF_JMP | BPF_JGE | BPF_K, 0, 1, SECCOMP_X32_BIT);
      unsigned short x32 = program.length;
      emit(&program, BPF_JMP | BPF_JA, 0, 0, 0);
      emit_block(&program, &calls[arch], otherwise);
      if (!program.full) program.code[x32].k = (uint32_t)(program.length - x32 - 1);
      size_t second = 0;
      while (!seccomp_architectures[second].x32) second++;
      if (wanted[second]) emit_block(&program, &calls[second], otherwise);
      else emit_return(&program, SECCOMP_RET_KILL_PROCESS);
    } else {
      emit_block(&program, &calls[arch], otherwise);
    }
    if (!program.full) program.code[other].k = (uint32_t)(program.length - other - 1);
  }
  emit_return(&program, SECCOMP_RET_KILL_PROCESS);
  if (program.full) return error_text(err, "seccomp: the profile needs more than %d instructions", MAX_PROGRAM);
  *out = (struct sock_fprog){.len = program.length, .filter = program.code};
  return 0;
}

int seccomp_read(const char *path, struct sock_fprog *program, struct error *err) {
  fd_auto fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat stat;
  if (fd < 0 || fstat(fd, &stat) < 0) return error_errno(err, "open", path);
  size_t size = (size_t)stat.st_size;
  if (size == 0 || size % sizeof(struct sock_filter) || size > MAX_PROGRAM * sizeof(struct sock_filter)) return error_text(err, "%s is not a compiled seccomp program", path);
  program->filter = arena_alloc(size);
  program->len = (unsigned short)(size / sizeof(struct sock_filter));
  if (!program->filter) return error_text(err, "out of memory");
  return read(fd, program->filter, size) == (ssize_t)size ? 0 : error_errno(err, "read", path);
}

int seccomp_apply(const struct sock_fprog *program, unsigned flags, struct error *err) {
  /* As runc does: without this flag the kernel turns on a mitigation that slows every container process. */
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW | (flags & ~(unsigned)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV), program) < 0) return error_errno(err, "seccomp", NULL);
  return 0;
}

int cmd_seccomp(int argc, char **argv) {
  static const struct option options[] = {{"profile", required_argument, NULL, 'p'}, {"output", required_argument, NULL, 'o'}, {0}};
  const char *profile = NULL, *output = NULL;
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    if (option == 'p') profile = optarg;
    else if (option == 'o') output = optarg;
    else return 2;
  }
  struct error err;
  struct sock_fprog program;
  json_error_t where;
  arena_open();
  json_t *object = profile ? json_load_file(profile, 0, &where) : NULL;
  if (!profile || !output) error_text(&err, "seccomp: --profile and --output are needed");
  else if (!object) error_text(&err, "%s: line %d: %s", profile, where.line, where.text);
  else if (seccomp_notifies(object)) error_text(&err, "seccomp: %s is not supported: there is nobody here to hand the listener to", SECCOMP_NOTIFY);
  else if (seccomp_build(object, &program, &err) == 0 && file_replace(output, program.filter, program.len * sizeof *program.filter, &err) == 0) return 0;
  error_write(2, &err);
  return 1;
}

int seccomp_find(const struct config *config, struct sock_fprog *program, struct error *err) {
  program->len = 0;
  if (config->seccomp_bpf) return seccomp_read(config->seccomp_bpf, program, err);
  return config->seccomp ? seccomp_build(config->seccomp, program, err) : 0;
}
