// The recorder: what the recording image has between the core and the HAL. tool/chain/record.ts generates a function rec_… around each import and each
// entry of the core; they put what was asked and answered into the ring of abi/record.ts, under one lock, so that the order of the records is the order
// of the effects. The ordinary image has none of this.
#pragma once

// Virtual space of the first-level table that maps the image and the window, far from both: an entry of 1 GiB for the ring, one for PCI's ECAM.
#define RING_VA (IMAGE_VA + (256ull << 30))
#define ECAM_VA (IMAGE_VA + (257ull << 30))
#define BLOCK_1G (1ull << 30)
// An entry of EL2's stage 1 (tool/chain/stage1.ts): XN, AF, inner shareable, AP[1]; attributes 0 Device, 1 Normal.
#define RING_ENTRY (RECORD_RING | (1ull << 54) | 0x741 | (1 << 2))
#define ECAM_ENTRY ((RECORD_ECAM & ~(BLOCK_1G - 1)) | (1ull << 54) | 0x741)

static struct {
  u32 owner;     // the CPU that holds the lock, plus one
  bool on;
  u32 sequence;
  u32 inside;    // CPUs in the core, a bit each
  u64 segment;   // how many were begun before this one
  u64 used;      // words of it
  u64 size;
  u64 entered[MAX_CPUS][RECORD_REGISTERS];  // registers of the vCPU that a CPU was last given
} recorder;

static inline volatile u64 *rec_control(u32 word) { return (volatile u64 *)RING_VA + word; }
static inline volatile u64 *rec_slot(void) { return rec_control(RECORD_AT_SEGMENTS + 2 * (recorder.segment % RECORD_SEGMENTS)); }

// A CPU that crashes goes on without waiting: it may hold the lock itself, or another one that has crashed.
static inline __attribute__((always_inline)) void rec_hold(void) {
  u32 self = cpu_number() + 1, free = 0;
  if (crashed_cpu == self) return;
  while (!__atomic_compare_exchange_n(&recorder.owner, &free, self, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
    free = 0;
    ASM("yield" ::: "memory");
  }
}
static inline __attribute__((always_inline)) void rec_let_go(void) { __atomic_store_n(&recorder.owner, 0, __ATOMIC_RELEASE); }

// Room for a record, its header written; null: nothing is recorded.
static __attribute__((noinline)) u64 *rec_begin(u32 cpu, u32 id, u32 words) {
  if (!recorder.on) return 0;
  if (recorder.used + words + 1 > recorder.size) {
    *rec_control(RECORD_AT_FULL) = 1;
    recorder.on = false;
    return 0;
  }
  u64 *at = (u64 *)RING_VA + RECORD_HEADER + (recorder.segment % RECORD_SEGMENTS) * recorder.size + recorder.used;
  *at = ((u64)id << 48) | ((u64)words << 36) | ((u64)cpu << 32) | recorder.sequence++;
  recorder.used += words + 1;
  return at;
}
// The record is whole: whoever reads the ring now finds it.
static inline void rec_end(void) { rec_slot()[1] = recorder.used; }

// A record of up to five words. Returns it.
static __attribute__((noinline)) u64 *rec_put(u32 cpu, u32 id, u32 words, u64 a, u64 b, u64 c, u64 d, u64 e) {
  u64 *at = rec_begin(cpu, id, words);
  if (at == 0) return 0;
  const u64 values[] = {a, b, c, d, e};
  for (u32 n = 0; n < words; n++) at[1 + n] = values[n];
  rec_end();
  return at;
}
// A record of a word, then words of memory.
static __attribute__((noinline)) void rec_put_words(u32 cpu, u32 id, u64 first, const u64 *from, u32 words) {
  u64 *at = rec_begin(cpu, id, words + 1);
  if (at == 0) return;
  at[1] = first;
  for (u32 n = 0; n < words; n++) at[2 + n] = from[n];
  rec_end();
}
// The call of an open record has returned.
static inline void rec_returned(u64 *at) {
  if (at != 0) *at &= ~((u64)RECORD_OPEN << 48);
}

// The core's memory as it is, page by page; pages of zeros are left out.
static __attribute__((noinline)) void rec_snapshot(u32 cpu) {
  rec_put(cpu, RECORD_SNAPSHOT, 1, recorder.inside, 0, 0, 0, 0);
  for (u64 page = WINDOW_BASE; page < WINDOW_PAGES * 0x10000; page += PAGE) {
    const u64 *words = (const u64 *)MEMORY(page);
    u64 any = 0;
    for (u32 n = 0; n < PAGE / 8; n++) any |= words[n];
    if (any != 0) rec_put_words(cpu, RECORD_PAGE, page, words, PAGE / 8);
  }
}

// Three quarters of a segment are full and no CPU is in the core: the next one, which forgets what was recorded a round ago.
static void rec_next_segment(u32 cpu) {
  recorder.segment++;
  recorder.used = 0;
  rec_slot()[1] = 0;
  rec_slot()[0] = recorder.segment + 1;
  rec_snapshot(cpu);
}

static __attribute__((noinline)) void rec_enter(u32 entry, u32 args, u64 a, u64 b, bool has_vcpu) {
  rec_hold();
  u32 cpu = cpu_number();
  if (recorder.on && recorder.inside == 0 && recorder.used > recorder.size / 4 * 3) rec_next_segment(cpu);
  recorder.inside |= 1u << cpu;
  u64 values[3 + RECORD_REGISTERS], mask = 0;
  u32 words = args;
  values[0] = a;
  values[1] = b;
  if (has_vcpu) {
    const u64 *now = (const u64 *)MEMORY(a), *before = recorder.entered[cpu];
    words++;
    for (u32 n = 0; n < RECORD_REGISTERS; n++) {
      if (now[n] == before[n]) continue;
      mask |= 1ull << n;
      values[words++] = now[n];
    }
    values[args] = mask;
  }
  u64 *at = rec_begin(cpu, RECORD_ENTRY + entry, words);
  if (at != 0) {
    for (u32 n = 0; n < words; n++) at[1 + n] = values[n];
    rec_end();
  }
  rec_let_go();
}

static __attribute__((noinline)) void rec_leave(u32 vcpu) {
  rec_hold();
  u32 cpu = cpu_number();
  recorder.inside &= ~(1u << cpu);
  rec_put(cpu, RECORD_LEAVE, 1, vcpu, 0, 0, 0, 0);
  if (vcpu != 0) {
    const u64 *registers = (const u64 *)MEMORY(vcpu);
    for (u32 n = 0; n < RECORD_REGISTERS; n++) recorder.entered[cpu][n] = registers[n];
  }
  rec_let_go();
}

// Finds the ring, if the board has one, and gives it its place. By the first CPU, before the core is entered.
static void rec_init(const u64 *core) {
  volatile u64 *level_1 = stage1_tables[1];
  level_1[256] = RING_ENTRY;
  level_1[257] = ECAM_ENTRY;
  ASM("dsb ishst\n\tisb" ::: "memory");
  volatile u32 *device = (volatile u32 *)(ECAM_VA + RECORD_ECAM % BLOCK_1G + (RECORD_SLOT << 15));
  if (device[0] != RECORD_PCI_ID) return;
  device[6] = (u32)RECORD_RING;  // BAR 2, of 64 bits
  device[7] = RECORD_RING >> 32;
  device[1] |= 2;                // memory space on
  ASM("dsb sy" ::: "memory");
  if (*rec_control(RECORD_AT_MAGIC) != RECORD_MAGIC) return;
  for (u32 n = 0; n < 4; n++) *rec_control(RECORD_AT_CORE + n) = core[n];
  recorder.size = *rec_control(RECORD_AT_SEGMENT_WORDS);
  rec_slot()[0] = 1;
  recorder.on = true;
}
