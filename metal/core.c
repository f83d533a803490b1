// The one translation unit of the hypervisor: the HAL's inlines, the core as wasm2c made it, and what the vectors call.

#include "hal.h"

// What wasm2c emits, its prelude above all, is not warned about.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-value"
#pragma GCC diagnostic ignored "-Wunused-variable"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "core.generated.c"
#pragma GCC diagnostic pop

// With nothing behind the embedded memory, an address in the core's memory is a constant away from the instance. wasm2c lays tables behind
// the memory: the core has none.
_Static_assert(offsetof(w2c_core, w2c_memory.data) == sizeof(w2c_core), "the memory must end the instance");
_Static_assert(sizeof(w2c_core) <= PAGE, "one page holds what lies before the memory");

#define INSTANCE ((w2c_core *)(WINDOW - sizeof(w2c_core)))

struct door door = {.low = 0, .size = PHYS_LIMIT};
u8 table_level[HYP_SIZE / 4096];
u64 image_pa;
u64 crash_frame[CRASH_REGISTERS];

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
int memcmp(const void *left, const void *right, size_t bytes) {
  const u8 *a = left, *b = right;
  for (size_t n = 0; n < bytes; n++)
    if (a[n] != b[n]) return a[n] - b[n];
  return 0;
}

// Each returns the record of the vCPU to enter.
u32 hl_boot(u64 fdt, u64 flags) {
  wasm2c_core_instantiate(INSTANCE, IMPORTS_NULL);
  return w2c_core_boot(INSTANCE, fdt, flags);
}
u32 hl_sync(u32 vcpu, u64 esr) { return w2c_core_onSync(INSTANCE, vcpu, esr); }
u32 hl_irq(u32 vcpu) { return w2c_core_onIrq(INSTANCE, vcpu); }
u32 hl_serror(u32 vcpu, u64 esr) { return w2c_core_onSError(INSTANCE, vcpu, esr); }
void hl_crash(u64 vector) { w2c_core_onCrash(INSTANCE, vector); }
