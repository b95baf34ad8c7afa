#include "devices.h"

#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

#include "arena.h"
#include "scope.h"

const struct device_rule devices_default[] = {
  {true, 'c', -1, -1, "m"}, {true, 'b', -1, -1, "m"}, {true, 'c', 1, 3, "rwm"}, {true, 'c', 1, 5, "rwm"}, {true, 'c', 1, 7, "rwm"}, {true, 'c', 1, 8, "rwm"},
  {true, 'c', 1, 9, "rwm"}, {true, 'c', 5, 0, "rwm"}, {true, 'c', 5, 2, "rwm"}, {true, 'c', 136, -1, "rwm"},
};
const size_t devices_default_count = sizeof devices_default / sizeof *devices_default;

enum { ANY_ACCESS = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE };
enum { TYPE = BPF_REG_2, ACCESS = BPF_REG_3, MAJOR = BPF_REG_4, MINOR = BPF_REG_5, SCRATCH = BPF_REG_6 };
#define PER_RULE 8
#define AROUND 8

struct program { struct bpf_insn *code; uint32_t length; };

static void emit(struct program *p, uint8_t code, uint8_t to, uint8_t from, int16_t offset, int32_t value) {
  p->code[p->length++] = (struct bpf_insn){.code = code, .dst_reg = to & 15, .src_reg = from & 15, .off = offset, .imm = value};
}
static void emit_answer(struct program *p, bool allow) {
  emit(p, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, allow);
  emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static int32_t access_bits(const char *access) {
  return (strchr(access, 'r') ? BPF_DEVCG_ACC_READ : 0) | (strchr(access, 'w') ? BPF_DEVCG_ACC_WRITE : 0) | (strchr(access, 'm') ? BPF_DEVCG_ACC_MKNOD : 0);
}

/* Answers where the rule matches, else falls through. True where it matches everything: the verifier takes nothing after that. */
static bool emit_rule(struct program *p, const struct device_rule *rule) {
  uint32_t begin = p->length;
  if (rule->type != 'a') { /* as in version 1, `a` stands alone: its numbers and access count for nothing */
    int32_t access = access_bits(rule->access);
    emit(p, BPF_JMP | BPF_JNE | BPF_K, TYPE, 0, 0, rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
    if (access != ANY_ACCESS) {
      emit(p, BPF_ALU64 | BPF_MOV | BPF_X, SCRATCH, ACCESS, 0, 0);
      emit(p, BPF_ALU64 | BPF_AND | BPF_K, SCRATCH, 0, 0, rule->allow ? ANY_ACCESS & ~access : access);
      emit(p, BPF_JMP | (rule->allow ? BPF_JNE : BPF_JEQ) | BPF_K, SCRATCH, 0, 0, 0);
    }
    if (rule->major >= 0) emit(p, BPF_JMP | BPF_JNE | BPF_K, MAJOR, 0, 0, (int32_t)rule->major);
    if (rule->minor >= 0) emit(p, BPF_JMP | BPF_JNE | BPF_K, MINOR, 0, 0, (int32_t)rule->minor);
  }
  uint32_t answer = p->length;
  emit_answer(p, rule->allow);
  for (uint32_t i = begin; i < answer; i++) /* a test that fails goes on behind the answer */
    if (BPF_CLASS(p->code[i].code) == BPF_JMP) p->code[i].off = (int16_t)(p->length - i - 1);
  return begin == answer;
}

static void compile(struct program *p, const struct device_rule *rules, size_t count) {
  static const uint16_t load = BPF_LDX | BPF_MEM | BPF_W;
  emit(p, load, TYPE, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);
  emit(p, BPF_ALU64 | BPF_MOV | BPF_X, ACCESS, TYPE, 0, 0);
  emit(p, BPF_ALU64 | BPF_AND | BPF_K, TYPE, 0, 0, 0xffff);
  emit(p, BPF_ALU64 | BPF_RSH | BPF_K, ACCESS, 0, 0, 16);
  emit(p, load, MAJOR, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, major), 0);
  emit(p, load, MINOR, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
  for (size_t i = devices_default_count; i-- > 0;) if (emit_rule(p, &devices_default[i])) return;
  for (size_t i = count; i-- > 0;) if (emit_rule(p, &rules[i])) return;
  emit_answer(p, true);
}

int devices_attach_filter(int cgroup, const struct device_rule *rules, size_t count, struct error *err) {
  struct program program = {.code = arena_alloc((AROUND + PER_RULE * (count + devices_default_count)) * sizeof *program.code)};
  if (!program.code) return error_text(err, "out of memory");
  compile(&program, rules, count);
  union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE, .insn_cnt = program.length, .insns = (uint64_t)(uintptr_t)program.code,
    .license = (uint64_t)(uintptr_t)"Apache-2.0"};
  fd_auto loaded = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load);
  if (loaded < 0) return error_errno(err, "bpf", "the cgroup's device filter");
  union bpf_attr attach = {.target_fd = (uint32_t)cgroup, .attach_bpf_fd = (uint32_t)loaded, .attach_type = BPF_CGROUP_DEVICE, .attach_flags = BPF_F_ALLOW_MULTI};
  return syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof attach) < 0 ? error_errno(err, "bpf", "attaching the cgroup's device filter") : 0;
}
