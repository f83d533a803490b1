// A Linux program without a library: prints the virtual count (CNTVCT_EL0) as it starts.

typedef unsigned long u64;

static long system_call(long number, long a, long b, long c) {
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x8 __asm__("x8") = number;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x8) : "memory");
  return x0;
}

enum { WRITE = 64, EXIT = 93, STDOUT = 1 };

void _start(void) {
  u64 count;
  __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(count)::"memory");
  char line[32] = "count ";
  int digits = 1, at = 6;
  for (u64 rest = count; rest >= 10; rest /= 10) digits++;
  for (int n = digits; n-- > 0; count /= 10) line[at + n] = '0' + count % 10;
  line[at + digits] = '\n';
  system_call(WRITE, STDOUT, (long)line, at + digits + 1);
  system_call(EXIT, 0, 0, 0);
}
