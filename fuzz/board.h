// The board of the native harness, and how a run on it ends. What a check of the door, or a rule of the board, refuses ends the process: that is a crash for
// the fuzzer. Everything that changes lies in three places that a snapshot brings back: `board`, RAM, and the core's memory.
#pragma once

#include "core.generated.h"

#include "abi.h"
#include "inputs.h"
#include <setjmp.h>

#define PAGE 4096ull
#define TABLE_ENTRIES 512u
#define RAM_START 0x40000000ull
#define RAM_BYTES 0x10000000ull
#define IMAGE_START 0x40200000ull
#define IMAGE_END (IMAGE_START + WINDOW_OFFSET + WINDOW_PAGES * 0x10000)
#define STAGE1_AT (IMAGE_START + 0x31000)
#define SPIS 32
#define MAX_BANKS 8

struct interrupt {
  bool enabled, latch, active, group1;
  u8 priority;
};

struct board_cpu {
  enum { OFF, STARTING, ON } power;
  bool inside;
  u32 number, vcpu;
  u64 registers[REGISTERS];
  u64 vectors[66];
  u64 root;
  struct interrupt own[32];
  bool hold_back;
  u32 arrived;          // with hold_back: the SGIs that can be taken
  u8 running[4], depth;  // priorities of what was acknowledged and not ended
  u32 acknowledged;     // by the guest, last
};

// Of the board's virtio devices.
struct virtio_queue {
  u64 area[3];
  u32 size;
  u16 taken, used;
  bool ready;
};
struct virtio_device {
  u32 status, interrupt, queue_sel, device_sel;
  struct virtio_queue queues[2];
  u8 heads[32], waiting;  // of a disk: requests that it has not answered
};

struct board {
  struct board_cpu cpus[CPUS];
  struct virtio_device virtio[3];
  bool is_up;
  u32 acting;
  u64 count;
  u32 calls, waited, depth;
  struct interrupt shared[SPIS];
  u32 gicd_ctlr;
  struct {
    u32 raw, mask;
    u8 input[32];
    u32 waiting;
  } uart;
  struct {
    u64 low, high;
    u64 pool;
    u32 pool_pages, banks;
    struct { u64 base, end; } bank[MAX_BANKS];
    bool locked;
    u8 stage1_level[STAGE1_PAGES];
  } door;
  struct {
    u8 level;
    bool linked;
    u16 used;
  } tables[HYP_SIZE / PAGE];
};

extern struct board board;
extern w2c_core core;
extern jmp_buf end_of_run;

// What is wrong with the core.
__attribute__((noreturn, format(printf, 1, 2))) void violation(const char *format, ...);
// The run is over as it may be: the board is off, a CPU halts, a device tree has lied about the board.
__attribute__((noreturn)) void end_run(void);
#define REQUIRE(condition, ...)          \
  do {                                   \
    if (!(condition)) violation(__VA_ARGS__); \
  } while (0)

static inline struct board_cpu *acting(void) { return &board.cpus[board.acting]; }

// board.c
void board_make(void);
void board_snapshot(void);
void board_reset(void);
const u8 *ram_at(u64 pa, u64 bytes);
u8 *ram_to_write(u64 pa, u64 bytes);
void ram_zero(u64 pa, u64 bytes);

// gic.c
u64 gic_read(u64 offset, u32 bytes, bool redistributors);
void gic_write(u64 offset, u32 bytes, u64 value, bool redistributors);
int gic_pending(u32 cpu);
u64 gic_acknowledge(void);
void gic_end(u64 intid);
void gic_deactivate(u32 cpu, u64 intid);
void gic_send(u64 value);
bool gic_uart_line(void);
void list_check(u32 list, u64 value);
u32 guest_acknowledge(u32 cpu);
void guest_end(u32 cpu, u32 intid);

// run.c
void run_boot(u64 fdt);
void run_settle(void);
void run_advance(u64 ticks);
void run_sync(u32 cpu, u64 esr);
void run_serror(u32 cpu, u64 esr);
void run_relax(void);

// midway.c
#if defined TARGET_bundle && defined __clang__
#define MIDWAY
void midway_boot(void);
void midway_reached(void);
void midway_go_on(void);
void midway_end(void);
#endif

// events.c
struct event {
  u8 kind, cpu, a, b;
  u32 c;
  u64 d;
};
void events(const u8 *data, size_t size);
void access_memory(u32 cpu, u32 vcpu, const struct event *e);
u64 guest_register(u32 vcpu, u32 n);
u64 guest_address(u32 cpu, u64 ipa);  // physical; 0: nothing is mapped there

// drivers.c
void driver_event(u32 cpu, u32 vcpu, u32 kind, const struct event *e);

// virtio.c
u64 virtio_read(u64 offset);
void virtio_write(u64 offset, u32 value);
bool virtio_line(u32 n);
void virtio_event(const struct event *e);
