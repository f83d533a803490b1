// The one translation unit of the hypervisor: the HAL's inlines, the core as wasm2c made it, and what the vectors call.

#include "hal.h"

// What gcc is told about inlining, of the ways that an exit takes. Functions that stand apart have frames of their own: as one function, all of them would
// pay for the largest. Functions that stand within are worth their size in each caller. A name that the core no longer has fails the build.
typedef struct w2c_core w2c_core;
#define FUNCTION(attribute, type, name, ...) \
  static attribute type w2c_core_src0x2F##name(w2c_core * __VA_OPT__(, ) __VA_ARGS__)
#define APART(type, name, ...) FUNCTION(__attribute__((noinline)), type, name __VA_OPT__(, ) __VA_ARGS__)
#define WITHIN(type, name, ...) FUNCTION(inline __attribute__((always_inline)), type, name __VA_OPT__(, ) __VA_ARGS__)
APART(u32, traps0x2Fabort0x2Fread, u32, u64);
APART(u32, traps0x2Fabort0x2Fwrite, u32, u64);
APART(u64, traps0x2Fabort0x2Fsigned, u64, u32);
APART(u32, devices0x2Fmmio0x2FreadLocked, u32, u32, u32);
APART(u32, devices0x2Fvgic0x2Dregisters0x2FreadState, u32, u32, u32);
APART(u32, traps0x2Fsystem0x2Dregister0x2Fother, u32, u64);
APART(u32, traps0x2Fsync0x2Frare, u32, u64);
APART(void, smccc0x2Fdispatch0x2Fcall, u32);
APART(u32, traps0x2Fsync0x2Fcall, u32, u64);
WITHIN(u32, traps0x2Fsync0x2Fhvc, u32, u64);
WITHIN(u32, traps0x2Fsync0x2FshortCall, u32, u32);
APART(u32, traps0x2Frun0x2Fchoose);
APART(u32, traps0x2Frun0x2FworkFirst, u32, u32);
APART(u32, vm0x2Fwork0x2Fstep, u32);
WITHIN(u32, sched0x2Fpriority0x2Fpreempts, u32, u32);
APART(void, sched0x2Fsched0x2FputBack, u32);
WITHIN(void, sched0x2Fsched0x2Fcharge, u32, u32, u64);
WITHIN(void, sched0x2Fsched0x2Farm, u32);
WITHIN(u32, devices0x2Fvgic0x2Dlists0x2FisQuiet, u32);
WITHIN(void, devices0x2Flist0x2Dregisters0x2Fsave, u32);
WITHIN(void, devices0x2Fvgic0x2Fcollect, u32);
WITHIN(void, devices0x2Fvgic0x2Dlists0x2Frefill, u32);
WITHIN(void, cpu0x2Fel20x2Fselect, u64, u32, u64, u64, u32);
APART(void, devices0x2Fexchange0x2FhandOver, u32);
APART(void, devices0x2Fvgic0x2Dlists0x2Ffill, u32);
WITHIN(void, devices0x2Fexchange0x2Fsave, u32);
WITHIN(void, sched0x2Fsched0x2Fleft, u32);
APART(void, devices0x2Fexchange0x2Funload, u32);
WITHIN(u32, devices0x2Fmmio0x2Ffind, u32, u64, u32);
WITHIN(u32, devices0x2Fvuart0x2Fflags, u32);
APART(void, devices0x2Fguard0x2Fwait, u32, u32);
WITHIN(void, devices0x2Fguard0x2Fenter, u32);
WITHIN(void, lib0x2Flock0x2Facquire, u32);
WITHIN(void, sched0x2Fsched0x2Fenqueue, u32, u32, u32);
WITHIN(void, sched0x2Fsched0x2Fdequeue, u32, u32);
WITHIN(void, sched0x2Fpriority0x2Fenqueue, u32, u32);
WITHIN(void, sched0x2Fpriority0x2Fdequeue, u32);
WITHIN(u32, sched0x2Fpriority0x2Fbest, u32);
WITHIN(void, sched0x2Flist0x2FList0x23insert, u32, u32, u32);
WITHIN(void, sched0x2Flist0x2FList0x23remove, u32, u32);
APART(void, sched0x2Fsched0x2FwatchOthers, u32, u32);
APART(u32, sched0x2Fshare0x2Fforemost, u32, u64);
APART(void, sched0x2Fsched0x2Frelease, u32);

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

_Static_assert(sizeof(w2c_core) == INSTANCE_SIZE, "tool/chain/build.ts says where the instance is");

// gcc shall not know that it is a constant: made anew for each access, it would take two instructions more each time.
static inline __attribute__((always_inline)) w2c_core *core_instance(void) {
  w2c_core *instance = (w2c_core *)(WINDOW - INSTANCE_SIZE);
  __asm__("" : "+r"(instance));
  return instance;
}

// The unit is the whole program, but for what assembly and gcc itself reach.
#define ENTRY __attribute__((externally_visible))

struct door door = {.low = 0, .size = PHYS_LIMIT};
struct table_state table_states[HYP_SIZE / PAGE];
ENTRY u64 image_pa;
ENTRY u64 crash_frame[CRASH_REGISTERS];

// What gcc calls for copies of its own; each loop is kept a loop by -fno-tree-loop-distribute-patterns.
ENTRY void *memcpy(void *to, const void *from, size_t bytes) {
  for (size_t n = 0; n < bytes; n++) ((u8 *)to)[n] = ((const u8 *)from)[n];
  return to;
}
ENTRY void *memset(void *to, int value, size_t bytes) {
  for (size_t n = 0; n < bytes; n++) ((u8 *)to)[n] = value;
  return to;
}
// For boot.S: .bss and the core's memory.
ENTRY void hl_zero(u64 at, u64 end) { zero(at, end); }

// Each returns the record of the vCPU to enter, or 0: there is none.
ENTRY u32 hl_boot(u64 fdt, u64 flags) {
  w2c_core *instance = core_instance();
  wasm2c_core_instantiate(instance, IMPORTS_NULL);
  return w2c_core_boot(instance, fdt, flags);
}
ENTRY u32 hl_boot_cpu(u32 number) { return w2c_core_bootCpu(core_instance(), number); }
ENTRY u32 hl_idle(void) { return w2c_core_onIdle(core_instance()); }
// On the way that nearly all exits take, the vectors say where the instance is.
ENTRY u32 hl_sync(w2c_core *instance, u32 vcpu, u64 esr) { return w2c_core_onSync(instance, vcpu, esr); }
ENTRY u32 hl_irq(w2c_core *instance, u32 vcpu) { return w2c_core_onIrq(instance, vcpu); }
ENTRY u32 hl_serror(u32 vcpu, u64 esr) { return w2c_core_onSError(core_instance(), vcpu, esr); }
ENTRY void hl_crash(u64 vector) { w2c_core_onCrash(core_instance(), vector); }
