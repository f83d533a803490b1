// Target `bundle`: every boot is the same until the core first reads what is the input, and takes ten times as long as what follows. The first boot stands
// still there, on a stack of its own; the snapshot is of that moment, stack included, and each input goes on from it. (x86-64, clang: as libFuzzer.)
#include "board.h"

#ifdef MIDWAY
#include <string.h>
#include <sys/mman.h>

#define STACK_BYTES 0x100000ull
#define RED_ZONE 128

static enum { BEFORE, STANDING, GOING_ON } state;
static u8 *stack, *kept;
// As clang's builtin has it: frame pointer, address, stack pointer.
static void *inside[5], *outside[5];

__attribute__((noinline, noreturn)) static void jump_inside(void) { __builtin_longjmp(inside, 1); }
__attribute__((noinline, noreturn)) static void jump_outside(void) { __builtin_longjmp(outside, 1); }

static u8 *used(void) { return (u8 *)inside[2] - RED_ZONE; }
static u64 used_bytes(void) { return stack + STACK_BYTES - used(); }

static void whole_boot(void) {
  run_boot(FDT_AT);
  run_advance(TIME_MAX);
  end_run();
}

// Boots until the input is read.
__attribute__((noinline)) void midway_boot(void) {
  stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  kept = malloc(STACK_BYTES);
  if (stack == MAP_FAILED || kept == NULL || mprotect(stack, PAGE, PROT_NONE) != 0) abort();
  if (__builtin_setjmp(outside) == 0)
    __asm__ volatile("mov %0, %%rsp\n\tcall *%1" : : "r"(stack + STACK_BYTES), "r"(whole_boot) : "memory");
  REQUIRE(state == STANDING, "the boot ends before it reads its bundle");
  memcpy(kept, used(), used_bytes());
}

// The core is about to read the input.
__attribute__((noinline)) void midway_reached(void) {
  if (state != BEFORE) return;
  state = STANDING;
  if (__builtin_setjmp(inside) == 0) jump_outside();
}

// Goes on with the boot; returns when the run has ended.
__attribute__((noinline)) void midway_go_on(void) {
  state = GOING_ON;
  memcpy(used(), kept, used_bytes());
  if (__builtin_setjmp(outside) == 0) jump_inside();
  state = STANDING;
}

void midway_end(void) {
  if (state != STANDING) jump_outside();
}
#endif
