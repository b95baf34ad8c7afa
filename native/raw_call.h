#pragma once
#include <sys/syscall.h>
#include <unistd.h>

/* A system call without the C library, for code that runs before it or beside it, without its errno: negative where it failed. Elsewhere than on x86-64 there is no such code. */
__attribute__((no_stack_protector)) static inline long raw_call(long number, long a, const void *b, long c, long d, long e) {
#ifdef __x86_64__
  register long fourth __asm__("r10") = d, fifth __asm__("r8") = e;
  __asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth) : "rcx", "r11", "memory");
  return number;
#else
  return syscall(number, a, b, c, d, e);
#endif
}
