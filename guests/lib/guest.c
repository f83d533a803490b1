// The one translation unit of a guest: its HAL's inlines, its program as wasm2c made it, and what start.S calls.

#include "hal.h"

// What wasm2c emits, its prelude above all, is not warned about.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-value"
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "guest.generated.c"
#pragma GCC diagnostic pop

_Static_assert(offsetof(w2c_guest, w2c_memory.data) == sizeof(w2c_guest), "the memory must end the instance");

static u8 instance[sizeof(w2c_guest) + MEMORY_PAGES * 0x10000] __attribute__((aligned(4096)));
#define INSTANCE ((w2c_guest *)instance)

u64 *guest_frames[MAX_VCPUS];
u64 guest_results[MAX_VCPUS][4];

// What gcc calls for copies of its own; each loop is kept a loop by -fno-tree-loop-distribute-patterns.
void *memcpy(void *to, const void *from, size_t bytes) {
  for (size_t n = 0; n < bytes; n++) ((u8 *)to)[n] = ((const u8 *)from)[n];
  return to;
}
void *memset(void *to, int value, size_t bytes) {
  for (size_t n = 0; n < bytes; n++) ((u8 *)to)[n] = value;
  return to;
}
void *memmove(void *to, const void *from, size_t bytes) {
  if (to <= from) return memcpy(to, from, bytes);
  for (size_t n = bytes; n-- > 0;) ((u8 *)to)[n] = ((const u8 *)from)[n];
  return to;
}

// For an instruction that was just written (Arm ARM B2.7.4.2).
static void make_fetchable(const void *code) { ASM("dc cvau, %0\n\tdsb ish\n\tic ivau, %0\n\tdsb ish\n\tisb" ::"r"(code) : "memory"); }

// The instruction goes to `chosen`, which is called with the values in x0 to x3.
__attribute__((noinline)) u64 run_chosen(u32 word, u64 a, u64 b, u64 c, u64 d) {
  *(volatile u32 *)chosen = word;
  make_fetchable(chosen);
  register u64 x0 __asm__("x0") = a;
  register u64 x1 __asm__("x1") = b;
  register u64 x2 __asm__("x2") = c;
  register u64 x3 __asm__("x3") = d;
  ASM("bl chosen" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
      "x16", "x17", "x30", "cc", "memory");
  u64 *results = guest_results[this_cpu()];
  results[0] = x0, results[1] = x1, results[2] = x2, results[3] = x3;
  return x0;
}

// `alias`: where EL0 sees chosen_el0.
__attribute__((noinline)) u64 run_at_el0(u32 word, u64 alias, u64 a, u64 b) {
  *(volatile u32 *)chosen_el0 = word;
  make_fetchable(chosen_el0);
  register u64 x0 __asm__("x0") = a;
  register u64 x1 __asm__("x1") = b;
  register u64 x4 __asm__("x4") = alias;
  ASM("bl enter_el0" : "+r"(x0), "+r"(x1), "+r"(x4)::"x2", "x3", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16",
      "x17", "x30", "cc", "memory");
  return x0;
}

void guest_main(void) {
  wasm2c_guest_instantiate(INSTANCE, IMPORTS_NULL);
  w2c_guest_main(INSTANCE, start_values[0]);
}

// Only a program that starts further CPUs has it.
__attribute__((weak)) void w2c_guest_onCpu(w2c_guest *, u64 context, u64 leftovers);
void guest_secondary(u64 context, u64 leftovers) { w2c_guest_onCpu(INSTANCE, context, leftovers); }

u64 guest_exception(u64 kind, u64 esr, u64 far, u64 elr, u64 *frame) {
  guest_frames[this_cpu()] = frame;
  return w2c_guest_onException(INSTANCE, kind, esr, far, elr);
}
