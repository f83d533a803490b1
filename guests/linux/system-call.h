// What the Linux programs without a library share: the kernel's call (arm64: number in x8, arguments from x0 on).

#pragma once

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;

enum { READ = 63, WRITE = 64, EXIT = 93 };
enum { STDIN = 0, STDOUT = 1 };

static inline long system_call(long number, long a, long b, long c) {
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x8 __asm__("x8") = number;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x8) : "memory");
  return x0;
}
