// The HAL's side at EL2: the functions that src/hal/ declares, as inlines under the names that wasm2c gives their imports. Each checks
// what passes in a few instructions; a check that fails is a bug of ours and stops with BRK (immediates 0x200 and up).
#pragma once

#include "abi.h"
#include "hal-modules.h"
#include "wasm-rt.h"

// A function of HAL module `module`. Its first parameter, which wasm2c passes for the imported module's instance, means nothing here.
#define HAL(type, module, name, ...) static inline __attribute__((always_inline)) type \
  w2c_##module##_##name(__attribute__((unused)) struct w2c_##module *instance_ __VA_OPT__(, ) __VA_ARGS__)
#define ASM __asm__ volatile
#define REFUSE_IF(condition, why)                        \
  do {                                                   \
    if (UNLIKELY(condition)) ASM("brk %0" ::"i"(why) : "memory"); \
  } while (0)

enum {
  REFUSE_PHYS = 0x200,
  REFUSE_TABLE,
  REFUSE_TABLE_ENTRY,
  REFUSE_LEAF,
  REFUSE_STAGE1,
  REFUSE_AFTER_LOCK,
  REFUSE_SYSREG,
  REFUSE_SMC,
  REFUSE_CPU,
};

#define PAGE 4096ull
#define TABLE_ENTRIES 512u
#define DESC_VALID 1ull
#define DESC_TABLE 3ull
#define DESC_CONTIGUOUS (1ull << 52)
#define DESC_OUTPUT 0x0000fffffffff000ull
#define STAGE1_XN (1ull << 54)
#define STAGE1_READ_ONLY (1ull << 7)

// --- symbols of link.ld and state of the HAL: filled at boot, constant afterwards
extern u8 image_start[], image_end_of_memory[];
extern u64 image_pa;  // set by boot.S
extern u64 stage1_tables[STAGE1_PAGES][TABLE_ENTRIES];

#define MAX_BANKS 8
struct door {
  u64 low, size;  // phys: the range that is open
  u64 pool;       // table: first page, number of pages
  u32 pool_pages;
  u32 banks;
  struct {
    u64 base, end;
  } bank[MAX_BANKS];
  bool locked;
  u8 stage1_level[STAGE1_PAGES];  // stage1: of each page that boot has linked; 0 for the root and all others
  u64 root[MAX_CPUS];             // the table in each CPU's VTTBR_EL2
};
extern struct door door;
// What each page of the pool is: its level as a table (0: none), whether an entry points at it, how many of its entries are valid. Callers change
// the tables of one VM from one CPU at a time.
struct table_state {
  u8 level;
  bool linked;
  u16 used;
};
extern struct table_state table_states[HYP_SIZE / PAGE];

#define MEMORY(address) ((u8 *)(WINDOW | (u32)(address)))

static inline __attribute__((always_inline)) u32 cpu_number(void) {
  return ((u64)__builtin_frame_address(0) >> CPU_AREA_SHIFT) & (MAX_CPUS - 1);
}

// --- barrier, tlb, and what else is one instruction
#include "instructions.h"

// --- phys
static inline __attribute__((always_inline)) u64 phys_address(u64 pa, u64 bytes) {
  u64 at = pa - door.low;
  REFUSE_IF(at >= door.size || bytes > door.size - at, REFUSE_PHYS);
  return PHYS_MAP + pa;
}
#define HAL_PHYS_READ(bits, type) \
  HAL(type, phys, read##bits, u64 pa) { return *(volatile u##bits *)phys_address(pa, bits / 8); }
#define HAL_PHYS_WRITE(bits, type) \
  HAL(void, phys, write##bits, u64 pa, type value) { *(volatile u##bits *)phys_address(pa, bits / 8) = value; }
HAL_PHYS_READ(8, u32)
HAL_PHYS_READ(32, u32)
HAL_PHYS_READ(64, u64)
HAL_PHYS_WRITE(8, u32)
HAL_PHYS_WRITE(32, u32)
HAL_PHYS_WRITE(64, u64)

// Load-acquire and store-release ask for alignment (B2.5.2).
HAL(u32, phys, load16, u64 pa) {
  u32 value;
  u64 at = phys_address(pa, 2);
  REFUSE_IF(pa % 2 != 0, REFUSE_PHYS);
  ASM("ldarh %w0, [%1]" : "=r"(value) : "r"(at) : "memory");
  return value;
}
HAL(void, phys, store16, u64 pa, u32 value) {
  u64 at = phys_address(pa, 2);
  REFUSE_IF(pa % 2 != 0, REFUSE_PHYS);
  ASM("stlrh %w0, [%1]" ::"r"(value), "r"(at) : "memory");
}

// Normal memory takes pairs at any address.
static inline __attribute__((always_inline)) void copy64(u64 *target, u64 *source) {
  u64 a, b, c, d, e, f, g, h;
  ASM("ldp %0, %1, [%8], #16\n\tldp %2, %3, [%8], #16\n\tldp %4, %5, [%8], #16\n\tldp %6, %7, [%8], #16\n\t"
      "stp %0, %1, [%9], #16\n\tstp %2, %3, [%9], #16\n\tstp %4, %5, [%9], #16\n\tstp %6, %7, [%9], #16"
      : "=&r"(a), "=&r"(b), "=&r"(c), "=&r"(d), "=&r"(e), "=&r"(f), "=&r"(g), "=&r"(h), "+r"(*source), "+r"(*target)
      :
      : "memory");
}
static inline void copy(u64 target, u64 source, u64 bytes) {
  u64 a;
  u64 end = target + (bytes & ~127ull);
  while (target < end) {
    copy64(&target, &source);
    copy64(&target, &source);
  }
  if (bytes & 64) copy64(&target, &source);
  for (end = target + (bytes & 56); target < end;)
    ASM("ldr %0, [%1], #8\n\tstr %0, [%2], #8" : "=&r"(a), "+r"(source), "+r"(target) : : "memory");
  for (end = target + (bytes & 7); target < end;)
    ASM("ldrb %w0, [%1], #1\n\tstrb %w0, [%2], #1" : "=&r"(a), "+r"(source), "+r"(target) : : "memory");
}
HAL(void, phys, copy, u64 to, u64 from, u64 bytes) { copy(phys_address(to, bytes), phys_address(from, bytes), bytes); }

// Carries come back in at the other end.
HAL(u64, phys, sum, u64 pa, u64 bytes) {
  u64 at = phys_address(pa, bytes), sum = 0, last = 0, shift = 0, a, b;
  for (u64 end = at + (bytes & ~15ull); at < end;)
    ASM("ldp %0, %1, [%2], #16\n\tadds %3, %3, %0\n\tadcs %3, %3, %1\n\tadc %3, %3, xzr"
        : "=&r"(a), "=&r"(b), "+&r"(at), "+&r"(sum)
        :
        : "memory", "cc");
  for (u64 end = at + (bytes & 15); at < end; shift += 8) {
    ASM("ldrb %w0, [%1], #1" : "=&r"(a), "+&r"(at) : : "memory");
    if (shift == 64) {
      sum += last;
      sum += sum < last;
      last = shift = 0;
    }
    last |= a << shift;
  }
  sum += last;
  return sum + (sum < last);
}

// The size of a line for the DC instructions that work by address: CTR_EL0.DminLine, DCZID_EL0.BS (both log2 of words).
static inline u64 data_line(void) {
  u64 ctr;
  ASM("mrs %0, ctr_el0" : "=r"(ctr));
  return 4ull << ((ctr >> 16) & 15);
}

// Zeroes [at, end), both multiples of 4 KiB. DC ZVA does a block, never more than 2 KiB; where it is prohibited (DCZID_EL0.DZP), stores do.
static inline void zero(u64 at, u64 end) {
  u64 dczid;
  ASM("mrs %0, dczid_el0" : "=r"(dczid));
  if (dczid & 16) {
    for (; at < end; at += 16) ASM("stp xzr, xzr, [%0]" ::"r"(at) : "memory");
  } else {
    u64 block = 4ull << (dczid & 15);
    for (; at < end; at += block) ASM("dc zva, %0" ::"r"(at) : "memory");
  }
}
HAL(void, phys, zero, u64 pa, u64 bytes) {
  REFUSE_IF((pa | bytes) % PAGE != 0, REFUSE_PHYS);
  u64 at = phys_address(pa, bytes);
  zero(at, at + bytes);
}

// Whether a range touches the image, its zeroed data or the core's memory.
static inline bool own(u64 pa, u64 bytes) {
  return pa < image_pa + (u64)(image_end_of_memory - image_start) && pa + bytes > image_pa;
}
HAL(void, phys, restrict, u64 low, u64 high) {
  REFUSE_IF(door.locked, REFUSE_AFTER_LOCK);
  REFUSE_IF(high < low || own(low, high - low), REFUSE_PHYS);
  door.low = low;
  door.size = high - low;
}
// Banks come before the pool, which must lie outside of them.
HAL(void, phys, addBank, u64 pa, u64 bytes) {
  REFUSE_IF(door.locked || door.banks == MAX_BANKS || door.pool_pages != 0, REFUSE_AFTER_LOCK);
  REFUSE_IF(pa + bytes < pa || own(pa, bytes), REFUSE_PHYS);
  door.bank[door.banks].base = pa;
  door.bank[door.banks].end = pa + bytes;
  door.banks++;
}

// --- cache
HAL(void, cache, cleanInvalidate, u64 pa, u64 bytes) {
  u64 line = data_line(), at = phys_address(pa, bytes), end = at + bytes;
  for (at &= ~(line - 1); at < end; at += line) ASM("dc civac, %0" ::"r"(at) : "memory");
}

// --- table
static inline __attribute__((always_inline)) u64 table_page(u64 table) {
  u64 page = (table - door.pool) / PAGE;
  REFUSE_IF(page >= door.pool_pages || table % PAGE != 0, REFUSE_TABLE);
  return page;
}
static inline __attribute__((always_inline)) struct table_state *table_state(u64 table) { return &table_states[table_page(table)]; }
static inline __attribute__((always_inline)) volatile u64 *table_entry(u64 table, u32 index) {
  REFUSE_IF(index >= TABLE_ENTRIES || table_state(table)->level == 0, REFUSE_TABLE);
  return (volatile u64 *)(PHYS_MAP + table) + index;
}
HAL(void, table, setPool, u64 base, u32 pages) {
  u64 bytes = pages * PAGE;
  REFUSE_IF(door.locked || door.pool_pages != 0 || pages > HYP_SIZE / PAGE, REFUSE_AFTER_LOCK);
  REFUSE_IF(base % PAGE != 0 || own(base, bytes), REFUSE_TABLE);
  for (u32 n = 0; n < door.banks; n++) REFUSE_IF(base < door.bank[n].end && base + bytes > door.bank[n].base, REFUSE_TABLE);
  door.pool = base;
  door.pool_pages = pages;
}
// A page that is linked, or a root in use, keeps its level: it has to be released first.
HAL(void, table, format, u64 table, u32 level) {
  struct table_state *state = table_state(table);
  REFUSE_IF(level - 1 > 2 || state->level != 0, REFUSE_TABLE);
  zero(PHYS_MAP + table, PHYS_MAP + table + PAGE);
  __atomic_store_n(&state->level, level, __ATOMIC_SEQ_CST);
}
HAL(u64, table, read, u64 table, u32 index) { return *table_entry(table, index); }
HAL(u32, table, used, u64 table) { return table_state(table)->used; }
// A valid entry is cleared before it is written anew: break-before-make (D8.16.1), and no table stays linked that nothing points at.
HAL(void, table, writeTable, u64 table, u32 index, u64 next) {
  volatile u64 *entry = table_entry(table, index);
  struct table_state *state = table_state(table), *child = table_state(next);
  REFUSE_IF(child->level != state->level + 1 || child->linked || (*entry & DESC_VALID), REFUSE_TABLE_ENTRY);
  child->linked = true;
  state->used++;
  *entry = next | DESC_TABLE;
}
HAL(void, table, writeLeaf, u64 table, u32 index, u64 descriptor) {
  volatile u64 *entry = table_entry(table, index);
  struct table_state *state = table_state(table);
  u32 level = state->level;
  u64 bytes = PAGE << (9 * (3 - level)), output = descriptor & DESC_OUTPUT;
  REFUSE_IF((descriptor & (DESC_CONTIGUOUS | 3)) != (level == 3 ? 3 : 1) || output % bytes != 0, REFUSE_LEAF);
  bool in_bank = false;
  for (u32 n = 0; n < door.banks; n++)
    in_bank |= output >= door.bank[n].base && output < door.bank[n].end && bytes <= door.bank[n].end - output;
  REFUSE_IF(!in_bank || (*entry & DESC_VALID), REFUSE_LEAF);
  state->used++;
  *entry = descriptor;
}
HAL(void, table, clear, u64 table, u32 index) {
  volatile u64 *entry = table_entry(table, index);
  struct table_state *state = table_state(table);
  u64 old = *entry;
  if (!(old & DESC_VALID)) return;
  if (state->level < 3 && (old & 3) == DESC_TABLE) table_state(old & DESC_OUTPUT)->linked = false;
  state->used--;
  *entry = 0;
}
// Against valid_vttbr of another CPU: of two that come at once, one at least sees the other (store-release before load-acquire, B2.3).
HAL(void, table, release, u64 table) {
  struct table_state *state = table_state(table);
  REFUSE_IF(state->level == 0 || state->linked || state->used != 0, REFUSE_TABLE);
  __atomic_store_n(&state->level, 0, __ATOMIC_SEQ_CST);
  for (u32 n = 0; n < MAX_CPUS; n++) REFUSE_IF(__atomic_load_n(&door.root[n], __ATOMIC_SEQ_CST) == table, REFUSE_TABLE);
}

// --- sysreg: a guest always runs under stage 2, its exceptions come to EL2, and its tables are those of the pool
static inline bool valid_hcr(u64 value) { return (value & (HCR_REQUIRED | HCR_REFUSED)) == HCR_REQUIRED; }
static inline bool valid_vtcr(u64 value) { return (value & ~VTCR_OF_CPU) == VTCR_BASE; }
// The table is this CPU's root from now on: nobody may release it.
static inline bool valid_vttbr(u64 value) {
  u64 root = value & 0xffffffffffff;
  struct table_state *state = table_state(root);
  __atomic_store_n(&door.root[cpu_number()], root, __ATOMIC_SEQ_CST);
  return __atomic_load_n(&state->level, __ATOMIC_SEQ_CST) == 1;
}
#define HAL_READ(name, reg)            \
  HAL(u64, sysreg, read##name) {       \
    u64 value;                         \
    ASM("mrs %0, " reg : "=r"(value)::"memory"); \
    return value;                      \
  }
#define HAL_WRITE(name, reg) \
  HAL(void, sysreg, write##name, u64 value) { ASM("msr " reg ", %0" ::"r"(value) : "memory"); }
#define HAL_WRITE_CHECKED(name, reg, check)   \
  HAL(void, sysreg, write##name, u64 value) { \
    REFUSE_IF(!valid_##check(value), REFUSE_SYSREG); \
    ASM("msr " reg ", %0" ::"r"(value) : "memory"); \
  }
#include "sysreg.h"

// --- mmio: what is not mapped as a device faults
#define DEVICE(bits) *(volatile u##bits *)(DEVICE_MAP + (pa & (PHYS_LIMIT - 1)))
HAL(u32, mmio, read32, u64 pa) { return DEVICE(32); }
HAL(u64, mmio, read64, u64 pa) { return DEVICE(64); }
HAL(void, mmio, write8, u64 pa, u32 value) { DEVICE(8) = value; }
HAL(void, mmio, write32, u64 pa, u32 value) { DEVICE(32) = value; }
HAL(void, mmio, write64, u64 pa, u64 value) { DEVICE(64) = value; }

// --- atomic
#define EXCLUSIVE(name, operation)                                                                        \
  HAL(u32, atomic, name, u32 at, u32 value) {                                                             \
    u32 old, fresh, failed;                                                                               \
    ASM("1:\tldaxr %w0, [%4]\n\t" operation "\n\tstlxr %w2, %w1, [%4]\n\tcbnz %w2, 1b"                     \
        : "=&r"(old), "=&r"(fresh), "=&r"(failed) : "r"(value), "r"(MEMORY(at)) : "memory");              \
    return old;                                                                                           \
  }
EXCLUSIVE(add32, "add %w1, %w0, %w3")
EXCLUSIVE(or32, "orr %w1, %w0, %w3")
EXCLUSIVE(swap32, "mov %w1, %w3")
HAL(u32, atomic, load32, u32 at) {
  u32 value;
  ASM("ldar %w0, [%1]" : "=r"(value) : "r"(MEMORY(at)) : "memory");
  return value;
}
HAL(void, atomic, store32, u32 at, u32 value) { ASM("stlr %w0, [%1]" ::"r"(value), "r"(MEMORY(at)) : "memory"); }

// --- cpu
HAL(u32, cpu, number) { return cpu_number(); }
static inline u64 smc(u64 id, u64 a, u64 b, u64 c) {
  register u64 x0 __asm__("x0") = id;
  register u64 x1 __asm__("x1") = a;
  register u64 x2 __asm__("x2") = b;
  register u64 x3 __asm__("x3") = c;
  ASM("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16",
      "x17", "memory");
  return x0;
}
HAL(u64, cpu, smc, u64 id, u64 a, u64 b, u64 c) {
  REFUSE_IF(!IS_FIRMWARE_CALL(id), REFUSE_SMC);
  return smc(id, a, b, c);
}
extern u8 start_cpu[];  // boot.S
HAL(u64, cpu, start, u64 mpidr, u32 number) {
  REFUSE_IF(number - 1 >= MAX_CPUS - 1, REFUSE_CPU);
  return smc(PSCI_CPU_ON_64, mpidr, image_pa + (u64)(start_cpu - image_start), number);
}
extern volatile u32 crashed_cpu;  // vectors.S
HAL(void, cpu, relax) {
  ASM("yield" ::: "memory");
  // A pending interrupt ends each WFI at once: where one thread of the host runs all CPUs, the one that has crashed comes first.
  while (UNLIKELY(crashed_cpu != 0 && crashed_cpu != w2c_cpu_number(instance_) + 1)) ASM("wfi\n\tyield" ::: "memory");
}
HAL(void, cpu, halt) {
  for (;;) ASM("wfi\n\tyield" ::: "memory");
}

// --- context
#include "el1-context.h"
#define LOAD_PAIR(a, b, n)                                                                                \
  {                                                                                                       \
    u64 first, second;                                                                                    \
    ASM("ldp %0, %1, [%2, %3]\n\tmsr " a ", %0\n\tmsr " b ", %1"                                          \
        : "=&r"(first), "=&r"(second) : "r"(context), "i"(8 * (n)) : "memory");                           \
  }
#define LOAD_ONE(reg, n) ASM("msr " reg ", %0" ::"r"(context[n]) : "memory");
HAL(void, context, loadEl1, u32 frame) {
  const u64 *context = (const u64 *)(MEMORY(frame) + VCPU_FRAME_SP_EL0);
  EL1_CONTEXT(LOAD_PAIR, LOAD_ONE)
}
#define SAVE_PAIR(a, b, n)                                                                                \
  {                                                                                                       \
    u64 first, second;                                                                                    \
    ASM("mrs %0, " a "\n\tmrs %1, " b "\n\tstp %0, %1, [%2, %3]"                                          \
        : "=&r"(first), "=&r"(second) : "r"(context), "i"(8 * (n)) : "memory");                           \
  }
#define SAVE_ONE(reg, n) ASM("mrs %0, " reg : "=r"(context[n])::"memory");
HAL(void, context, saveEl1, u32 frame) {
  u64 *context = (u64 *)(MEMORY(frame) + VCPU_FRAME_SP_EL0);
  EL1_CONTEXT(SAVE_PAIR, SAVE_ONE)
}
extern void fp_load(const u8 *v), fp_save(u8 *v);  // vectors.S
HAL(void, context, loadFp, u32 frame) { fp_load(MEMORY(frame) + VCPU_FRAME_V); }
HAL(void, context, saveFp, u32 frame) { fp_save(MEMORY(frame) + VCPU_FRAME_V); }

// --- stage1
HAL(u64, stage1, base) { return image_pa + ((u8 *)stage1_tables - image_start); }
HAL(u64, stage1, read, u32 page, u32 index) {
  REFUSE_IF(page >= STAGE1_PAGES || index >= TABLE_ENTRIES, REFUSE_STAGE1);
  return stage1_tables[page][index];
}
// Boot adds to the root and to tables that it has linked itself, once each: nothing is replaced, the image's tables stay as the build made
// them, no leaf reaches the image or is executable.
HAL(void, stage1, write, u32 page, u32 index, u64 descriptor) {
  REFUSE_IF(door.locked, REFUSE_AFTER_LOCK);
  REFUSE_IF(w2c_stage1_read(instance_, page, index) != 0 || (page != 0 && door.stage1_level[page] == 0), REFUSE_STAGE1);
  u32 level = door.stage1_level[page], type = descriptor & 3;
  u64 output = descriptor & DESC_OUTPUT, bytes = PAGE << (9 * (3 - level)), next = (output - w2c_stage1_base(instance_)) / PAGE;
  if (level < 3 && type == DESC_TABLE) {
    REFUSE_IF(next < STAGE1_BUILT || next >= STAGE1_PAGES || door.stage1_level[next] != 0, REFUSE_STAGE1);
    door.stage1_level[next] = level + 1;
  } else {
    REFUSE_IF(level == 0 || type != (level == 3 ? 3 : 1) || !(descriptor & STAGE1_XN) || (descriptor & DESC_CONTIGUOUS), REFUSE_STAGE1);
    REFUSE_IF(output % bytes != 0 || own(output, bytes), REFUSE_STAGE1);
  }
  ((volatile u64 *)stage1_tables[page])[index] = descriptor;
}
// Takes away write access to the tables through the table that maps the image (the fourth that the build makes). A change of permissions
// alone needs no break-before-make (D8.16.1). That table's own page comes last: nothing could be written into it afterwards.
HAL(void, stage1, lock) {
  volatile u64 *image = stage1_tables[3];
  u64 first = ((u8 *)stage1_tables - image_start) / PAGE;
  door.locked = true;
  for (u64 n = 4; n < STAGE1_PAGES + 4; n++) image[first + n % STAGE1_PAGES] |= STAGE1_READ_ONLY;
  ASM("dsb ishst\n\ttlbi alle2is\n\tdsb ish\n\tisb" ::: "memory");
}

// --- image
HAL(u64, image, start) { return image_pa; }
HAL(u64, image, end) { return image_pa + (image_end_of_memory - image_start); }

// --- crash
#define CRASH_REGISTERS 37
extern u64 crash_frame[CRASH_REGISTERS];  // vectors.S fills it
// The table of functions, put in by the build.
extern const u32 symbol_table[];
HAL(u64, crash, register, u32 index) { return index < CRASH_REGISTERS ? crash_frame[index] : 0; }
HAL(u64, crash, stackWord, u64 va) {
  u64 at = va % CPU_AREA_SIZE;
  bool on_a_stack = at >= CPU_AREA_SIZE - STACK_SIZE || (at >= EMERGENCY_END - EMERGENCY_SIZE && at < EMERGENCY_END);
  if (va < CPU_AREAS || va >= CPU_AREAS + MAX_CPUS * CPU_AREA_SIZE || !on_a_stack || va % 8 != 0) return 0;
  return *(volatile u64 *)va;
}
HAL(u32, crash, symbolWord, u32 index) { return index < SYMBOLS_SIZE / 4 ? symbol_table[index] : 0; }
