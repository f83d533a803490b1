// The guests' side of their HAL: the functions that guests/lib/hal/ declares, as inlines under the names that wasm2c gives their imports.
#pragma once

#include "abi.h"
#include "wasm-rt.h"

// With the MMU off all memory is Device and takes aligned accesses alone (-mstrict-align). What AssemblyScript loads and stores by itself is
// aligned by its size.
static inline __attribute__((always_inline)) void wasm_memcpy(void *to, const void *from, size_t bytes) {
  if (__builtin_constant_p(bytes) && bytes == 8) __builtin_memcpy(__builtin_assume_aligned(to, 8), __builtin_assume_aligned(from, 8), 8);
  else if (__builtin_constant_p(bytes) && bytes == 4) __builtin_memcpy(__builtin_assume_aligned(to, 4), __builtin_assume_aligned(from, 4), 4);
  else if (__builtin_constant_p(bytes) && bytes == 2) __builtin_memcpy(__builtin_assume_aligned(to, 2), __builtin_assume_aligned(from, 2), 2);
  else __builtin_memcpy(to, from, bytes);
}
#undef wasm_rt_memcpy
#define wasm_rt_memcpy wasm_memcpy

struct w2c_access;
struct w2c_call;
struct w2c_cpu;
struct w2c_exception;
struct w2c_image;
struct w2c_instruction;
struct w2c_sysreg;

// A function of HAL module `module`. Its first parameter, which wasm2c passes for the imported module's instance, means nothing here.
#define HAL(type, module, name, ...) static inline __attribute__((always_inline)) type \
  w2c_##module##_##name(__attribute__((unused)) struct w2c_##module *instance_ __VA_OPT__(, ) __VA_ARGS__)
#define ASM __asm__ volatile

extern u8 image_end[];
extern u64 start_values[2];  // start.S: x0, and what was left in the other registers
extern u32 chosen[], chosen_el0[], back_from_el0[];  // start.S
extern u32 start_secondary[];  // start.S
extern u64 *guest_frames[MAX_VCPUS];  // each CPU's: x0 to x30 and SPSR_EL1 of what its latest exception interrupted
extern u64 guest_results[MAX_VCPUS][4];

static inline __attribute__((always_inline)) u32 this_cpu(void) {
  u64 mpidr;
  ASM("mrs %0, mpidr_el1" : "=r"(mpidr)::"memory");
  return mpidr & (MAX_VCPUS - 1);
}

// --- sysreg
#define HAL_READ(name, reg)                      \
  HAL(u64, sysreg, read##name) {                 \
    u64 value;                                   \
    ASM("mrs %0, " reg : "=r"(value)::"memory"); \
    return value;                                \
  }
#define HAL_WRITE(name, reg) \
  HAL(void, sysreg, write##name, u64 value) { ASM("msr " reg ", %0" ::"r"(value) : "memory"); }
#include "guest-sysreg.h"

// --- access
#define HAL_ACCESS(bits, type, suffix, width)                                                                                     \
  HAL(type, access, read##bits, u64 address) {                                                                                    \
    type value;                                                                                                                   \
    ASM("ldr" suffix " %" width "0, [%1]" : "=r"(value) : "r"(address) : "memory");                                               \
    return value;                                                                                                                 \
  }                                                                                                                               \
  HAL(void, access, write##bits, u64 address, type value) {                                                                       \
    ASM("str" suffix " %" width "0, [%1]" ::"r"(value), "r"(address) : "memory");                                                 \
  }
HAL_ACCESS(8, u32, "b", "w")
HAL_ACCESS(16, u32, "h", "w")
HAL_ACCESS(32, u32, "", "w")
HAL_ACCESS(64, u64, "", "x")
HAL(void, access, add64, u64 address, u64 value) {
  u64 sum;
  u32 failed;
  ASM("1:\tldxr %0, [%2]\n\tadd %0, %0, %3\n\tstxr %w1, %0, [%2]\n\tcbnz %w1, 1b"
      : "=&r"(sum), "=&r"(failed) : "r"(address), "r"(value) : "memory");
}

// --- call
#define HAL_CALL(name, instruction)                                                                                               \
  HAL(u64, call, name, u64 id, u64 a, u64 b, u64 c) {                                                                             \
    register u64 x0 __asm__("x0") = id;                                                                                           \
    register u64 x1 __asm__("x1") = a;                                                                                            \
    register u64 x2 __asm__("x2") = b;                                                                                            \
    register u64 x3 __asm__("x3") = c;                                                                                            \
    ASM(instruction " #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory");                                                    \
    u64 *results = guest_results[this_cpu()];                                                                                     \
    results[0] = x0, results[1] = x1, results[2] = x2, results[3] = x3;                                                           \
    return x0;                                                                                                                    \
  }
HAL_CALL(hvc, "hvc")
HAL_CALL(smc, "smc")
HAL(u64, call, result, u32 n) { return guest_results[this_cpu()][n & 3]; }
HAL(u64, call, plain, u64 id) {
  register u64 x0 __asm__("x0") = id;
  ASM("hvc #0" : "+r"(x0)::"x1", "x2", "x3", "memory");
  return x0;
}

// --- cpu
HAL(u32, cpu, number) { return this_cpu(); }
HAL(void, cpu, unmask) { ASM("msr daifclr, #2" ::: "memory"); }
HAL(void, cpu, mask) { ASM("msr daifset, #2" ::: "memory"); }
HAL(void, cpu, wfi) { ASM("dsb sy\n\twfi" ::: "memory"); }
HAL(void, cpu, wfe) { ASM("wfe" ::: "memory"); }
HAL(void, cpu, relax) { ASM("yield" ::: "memory"); }
HAL(void, cpu, isb) { ASM("isb" ::: "memory"); }
HAL(void, cpu, dsb) { ASM("dsb sy" ::: "memory"); }
HAL(void, cpu, invalidateTlb) { ASM("dsb ishst\n\ttlbi vmalle1\n\tdsb ish\n\tisb" ::: "memory"); }
HAL(u64, cpu, count) {
  u64 value;
  ASM("isb\n\tmrs %0, cntvct_el0" : "=r"(value)::"memory");
  return value;
}

// --- exception
HAL(u64, exception, register, u32 n) { return guest_frames[this_cpu()][n & 31]; }

// --- image
u64 vector_leftovers(void);   // start.S
void fill_vectors(u64 value);
u64 vector_differences(u64 value);
HAL(u64, image, end) { return (u64)image_end; }
HAL(u64, image, argument) { return start_values[0]; }
HAL(u64, image, leftovers) { return start_values[1]; }
HAL(u64, image, vectorLeftovers) { return vector_leftovers(); }
HAL(void, image, fillVectors, u64 value) { fill_vectors(value); }
HAL(u64, image, vectorDifferences, u64 value) { return vector_differences(value); }
HAL(u64, image, secondaryEntry) { return (u64)start_secondary; }

// --- instruction: not inline, so that its one place in memory is called from one place
u64 run_chosen(u32 word, u64 a, u64 b, u64 c, u64 d);  // guest.c
u64 run_at_el0(u32 word, u64 alias, u64 a, u64 b);
HAL(u64, instruction, run, u32 word, u64 a, u64 b, u64 c, u64 d) { return run_chosen(word, a, b, c, d); }
HAL(u64, instruction, runAtEl0, u32 word, u64 alias, u64 a, u64 b) { return run_at_el0(word, alias, a, b); }
HAL(u64, instruction, addressOfEl0) { return (u64)chosen_el0; }
HAL(u64, instruction, backFromEl0) {
  guest_frames[this_cpu()][31] = 0x3c5;  // EL1h, everything masked
  return (u64)back_from_el0;
}
HAL(u64, instruction, result, u32 n) { return guest_results[this_cpu()][n & 3]; }
HAL(u64, instruction, address) { return (u64)chosen; }
HAL(void, instruction, jump, u64 target) {
  ASM("blr %0" ::"r"(target) : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16",
      "x17", "x30", "cc", "memory");
}
