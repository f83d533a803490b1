// A Linux program without a library: the SHA-256 of as many pieces of 64 KiB of zeros as its argument says, and when it came to each piece. It prints
// the virtual count (CNTVCT_EL0) at the first one, how many counts each one took, and the digest.

#include "sha256.h"

enum { PIECE = 65536, MOST = 16384, COLUMNS = 16 };

static u8 zeros[PIECE], tail[2 * BLOCK];
static u64 counts[MOST + 1];
static char line[COLUMNS * 21 + 1];

__asm__(".global _start\n_start:\n\tmov x0, sp\n\tb begin");

static u64 count(void) {
  u64 value;
  __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(value)::"memory");
  return value;
}

/** Appends a number to the line, which has `at` characters; returns how many it has then. */
static int append(int at, u64 value) {
  int digits = 1;
  for (u64 rest = value; rest >= 10; rest /= 10) digits++;
  for (int n = digits; n-- > 0; value /= 10) line[at + n] = '0' + value % 10;
  line[at + digits] = ' ';
  return at + digits + 1;
}

static void print(int length) {
  line[length - 1] = '\n';
  system_call(WRITE, STDOUT, (long)line, length);
}

/** `stack`: the number of arguments, then their addresses. */
__attribute__((used, noreturn)) static void begin(const char *const *stack) {
  u64 pieces = 0;
  for (const char *digit = stack[2]; *digit != 0; digit++) pieces = pieces * 10 + *digit - '0';
  if (pieces > MOST) pieces = MOST;
  for (u64 n = 0; n < pieces; n++) {
    counts[n] = count();
    update(zeros, PIECE / BLOCK);
  }
  counts[pieces] = count();
  print(append(0, counts[0]));
  for (u64 n = 0; n < pieces;) {
    int at = 0;
    for (int column = 0; column < COLUMNS && n < pieces; column++, n++) at = append(at, counts[n + 1] - counts[n]);
    print(at);
  }
  finish(tail, pieces * PIECE);
  print_digest();
  system_call(EXIT, 0, 0, 0);
  __builtin_unreachable();
}
