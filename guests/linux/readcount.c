// A Linux program without a library: prints the virtual count (CNTVCT_EL0) as it starts.

#include "system-call.h"

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
