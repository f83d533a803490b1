// How CPUs come into the core and out of it: whole exits, one after the other, as in the fast mode of the simulator (sim/run.ts).
#include "board.h"

#include <string.h>

// So many interrupts one after the other with no time between them are a storm; so often may a CPU ask whether another has answered.
#define STORM 100000
#define PATIENCE 20000
#define AT_ONCE 100
#define FREQUENCY 62500000ull

static u64 frame_word(u32 vcpu, u32 offset) {
  u64 value;
  memcpy(&value, core.w2c_memory.data + vcpu + offset, 8);
  return value;
}

static void enter(struct board_cpu *cpu, u32 vcpu) {
  cpu->vcpu = vcpu;
  cpu->inside = false;
  if (vcpu == 0) return;
  REQUIRE(vcpu >= WINDOW_BASE && vcpu + VCPU_FRAME_SIZE <= core.w2c_memory.size && vcpu % 16 == 0, "the record at %x is entered", vcpu);
  REQUIRE(!(frame_word(vcpu, VCPU_FRAME_SPSR) & 8), "a guest is entered above EL1");
  REQUIRE(board.door.locked, "a guest is entered while stage 1 of EL2 is writable");
  REQUIRE(cpu->depth == 0, "a guest is entered while the priority of an interrupt still runs");
  for (struct board_cpu *other = board.cpus; other < board.cpus + CPUS; other++) {
    if (other == cpu) continue;
    REQUIRE(other->vcpu != vcpu, "the vCPU at %x is on two CPUs", vcpu);
    REQUIRE(other->registers[R_VttbrEl2] != cpu->registers[R_VttbrEl2] || cpu->root == 0 || other->inside || other->vcpu == 0 ||
              other->registers[R_VmpidrEl2] != cpu->registers[R_VmpidrEl2], "two CPUs run the same vCPU of a VM");
  }
}

enum entry { BOOT, BOOT_CPU, SYNC, IRQ, IDLE, SERROR };
static void exit_to_core(u32 index, enum entry entry, u64 argument) {
  struct board_cpu *cpu = &board.cpus[index];
  u32 before = board.acting, vcpu = cpu->vcpu, calls = board.calls, waited = board.waited, next = 0;
  cpu->inside = true;
  cpu->vcpu = 0;
  board.acting = index;
  if (board.depth++ == 0) board.calls = 0;
  board.waited = 0;
  switch (entry) {
    case BOOT: next = w2c_core_boot(&core, argument, 0); break;
    case BOOT_CPU: next = w2c_core_bootCpu(&core, cpu->number); break;
    case SYNC: next = w2c_core_onSync(&core, vcpu, argument); break;
    case IRQ: next = w2c_core_onIrq(&core, vcpu); break;
    case IDLE: next = w2c_core_onIdle(&core); break;
    case SERROR: next = w2c_core_onSError(&core, vcpu, argument); break;
  }
  enter(cpu, next);
  board.depth--;
  board.acting = before;
  board.calls = calls;
  board.waited = waited;
}

static bool take(u32 index) {
  struct board_cpu *cpu = &board.cpus[index];
  if (cpu->power == STARTING && !cpu->inside) {
    cpu->power = ON;
    exit_to_core(index, BOOT_CPU, 0);
  } else if (gic_pending(index) >= 0) exit_to_core(index, cpu->vcpu == 0 ? IDLE : IRQ, 0);
  else return false;
  return true;
}

void run_settle(void) {
  for (u32 n = 0; n < STORM; n++) {
    bool taken = false;
    for (u32 cpu = 0; cpu < CPUS && !taken; cpu++) taken = take(cpu);
    if (!taken) return;
  }
  violation("an interrupt comes again and again");
}

static void nearer(u64 *least, u64 control, u64 compare, u64 now) {
  if ((control & 3) == CNT_CTL_ENABLE && compare > now && compare - now < *least) *least = compare - now;
}
// Time passes from timer to timer.
void run_advance(u64 ticks) {
  u64 end = board.count + ticks;
  run_settle();
  while (board.count < end) {
    u64 step = end - board.count;
    for (u32 cpu = 0; cpu < CPUS; cpu++) {
      const u64 *r = board.cpus[cpu].registers;
      nearer(&step, r[R_CnthpCtlEl2], r[R_CnthpCvalEl2], board.count);
      nearer(&step, r[R_CntvCtlEl0], r[R_CntvCvalEl0], board.count - r[R_CntvoffEl2]);
    }
    board.count += step;
    run_settle();
  }
}

void run_boot(u64 fdt) {
  board.cpus[0].power = ON;
  exit_to_core(0, BOOT, fdt);
  run_settle();
}
void run_sync(u32 cpu, u64 esr) {
  exit_to_core(cpu, SYNC, esr);
  run_settle();
}
void run_serror(u32 cpu, u64 esr) {
  exit_to_core(cpu, SERROR, esr);
  run_settle();
}

// cpu.relax: the others may take the SGIs that are pending for them.
void run_relax(void) {
  u32 waited = board.waited;
  for (u32 index = 0; index < CPUS; index++) {
    struct board_cpu *cpu = &board.cpus[index];
    if (cpu->inside) continue;
    cpu->hold_back = true;
    cpu->arrived = 0;
    for (u32 n = 0; n < 16; n++) cpu->arrived |= (u32)cpu->own[n].latch << n;
    take(index);
    cpu->hold_back = false;
  }
  board.waited = waited + 1;
  if (board.waited > AT_ONCE) board.count += FREQUENCY / 10000;
  REQUIRE(board.waited < PATIENCE, "the core waits for what never comes");
}
