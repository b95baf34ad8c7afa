/* Where the static program begins, before the C library does. Of a program that only runs itself again the library's own beginning is most of the cost: it asks the processor 43 times what it is
   (cpuid), and in a virtual machine each answer comes from outside, in 4 to 10 us. */
#include <stdbool.h>
#include <stddef.h>

#include "self_again.h"

#ifdef __x86_64__

static bool same(const char *word, const char *other) {
  for (; *word && *word == *other; word++, other++) __asm__ volatile("" ::: "memory"); /* stays a loop: self_again.c */
  return *word == *other;
}

/* Those of the OCI command line that make processes of a container's. Something else of that name costs a moment. */
static bool is_guarded(const char *word) { return same(word, "run") || same(word, "create") || same(word, "exec"); }

__attribute__((used, no_stack_protector)) static void before_library(long *stack) {
  char **argv = (char **)(stack + 1), **env = argv + stack[0] + 1;
  for (char **word = argv + 1; stack[0] > 0 && *word; word++) if (is_guarded(*word)) { self_again(argv, env); return; }
}

/* rdx is for atexit(3): _start hands it on. At a call the stack is aligned to 16 bytes. */
__asm__(".globl core_entry\n.type core_entry, @function\ncore_entry:\n"
  "  xor %ebp, %ebp\n  mov %rsp, %rdi\n  push %rdx\n  sub $8, %rsp\n  call before_library\n  add $8, %rsp\n  pop %rdx\n  jmp _start\n");

#endif
