// The board's interrupt controller as far as the core drives it (Arm IHI 0069), and the guest's side of the list registers; what sim/interrupts.ts,
// sim/cpu-interface.ts and sim/virtual-interrupts.ts do, without what the core never uses.
#include "board.h"

#define SPURIOUS 1023
enum { INTID_MAINTENANCE = 25, INTID_HYPERVISOR_TIMER = 26, INTID_VIRTUAL_TIMER = 27, INTID_UART = 33, INTID_VIRTIO = 48 };

#define LR_STATE (LR_PENDING | LR_ACTIVE)
#define VMCR_ENABLE_G1 2u
#define VMCR_EOIMODE (1u << 9)
// Priorities have five bits.
#define LEVEL(priority) ((priority) >> 3)

static struct interrupt *interrupt(u32 cpu, u64 intid) {
  REQUIRE(intid < 32 + SPIS, "the board has no interrupt %llu", (unsigned long long)intid);
  return intid < 32 ? &board.cpus[cpu].own[intid] : &board.shared[intid - 32];
}

static bool fires(u64 control, u64 compare, u64 now) { return (control & 3) == CNT_CTL_ENABLE && now >= compare; }

static bool maintenance(const u64 *r) {
  u64 hcr = r[R_IchHcrEl2];
  if (!(hcr & ICH_HCR_EN)) return false;
  u32 valid = 0, pending = 0, ended = 0;
  for (u32 n = 0; n < LIST_REGISTERS; n++) {
    u64 list = r[R_IchLr0El2 + n];
    valid += (list & LR_STATE) != 0;
    pending += (list & LR_STATE) == LR_PENDING;
    ended += (list & (LR_STATE | LR_HW)) == 0 && (list & LR_EOI) != 0;
  }
  return ended != 0 || ((hcr & ICH_HCR_UIE) && valid <= 1) || ((hcr & 4) && (hcr >> 27) != 0) || ((hcr & 8) && pending == 0);
}

bool gic_uart_line(void) { return (board.uart.raw & board.uart.mask) != 0; }

static bool line(u32 cpu, u32 intid) {
  const u64 *r = board.cpus[cpu].registers;
  switch (intid) {
    case INTID_MAINTENANCE: return maintenance(r);
    case INTID_HYPERVISOR_TIMER: return fires(r[R_CnthpCtlEl2], r[R_CnthpCvalEl2], board.count);
    case INTID_VIRTUAL_TIMER: return fires(r[R_CntvCtlEl0], r[R_CntvCvalEl0], board.count - r[R_CntvoffEl2]);
    case INTID_UART: return gic_uart_line();
    default: return intid >= INTID_VIRTIO && virtio_line(intid - INTID_VIRTIO);
  }
}

// The interrupt that a CPU would take now; -1 for none. SPIs go to the CPU that booted.
int gic_pending(u32 cpu) {
  struct board_cpu *self = &board.cpus[cpu];
  if (self->power != ON || self->inside || !(self->registers[R_IccIgrpen1El1] & 1)) return -1;
  u32 limit = self->depth == 0 ? 0x100 : self->running[self->depth - 1];
  int best = -1;
  for (u32 intid = 0; intid < (cpu == 0 ? 32 + SPIS : 32); intid++) {
    struct interrupt *one = interrupt(cpu, intid);
    if (!one->enabled || one->active || !one->group1 || one->priority >= limit) continue;
    if (self->hold_back && !(intid < 16 && (self->arrived >> intid & 1))) continue;
    if (!one->latch && !line(cpu, intid)) continue;
    best = intid;
    limit = one->priority;
  }
  return best;
}

u64 gic_acknowledge(void) {
  struct board_cpu *self = acting();
  bool inside = self->inside;
  self->inside = false;
  int intid = gic_pending(board.acting);
  self->inside = inside;
  if (intid < 0) return SPURIOUS;
  struct interrupt *one = interrupt(board.acting, intid);
  one->active = true;
  one->latch = false;
  if (intid < 16) self->arrived &= ~(1u << intid);
  REQUIRE(self->depth < 4, "interrupts are acknowledged and not ended");
  self->running[self->depth++] = one->priority;
  return intid;
}
void gic_end(u64 intid) {
  struct board_cpu *self = acting();
  struct interrupt *one = interrupt(board.acting, intid);
  REQUIRE(self->depth != 0 && self->running[self->depth - 1] == one->priority && one->active, "EOI of %llu, which is not the one that runs", (unsigned long long)intid);
  self->depth--;
}
void gic_deactivate(u32 cpu, u64 intid) { interrupt(cpu, intid)->active = false; }

void gic_send(u64 value) {
  REQUIRE(!(value >> 40 & 1) && !(value >> 44 & 15) && !(value & 0xff00ff00ff0000ull), "an SGI to CPUs that the board does not have: %llx", (unsigned long long)value);
  for (u32 cpu = 0; cpu < CPUS; cpu++) {
    struct interrupt *one = interrupt(cpu, value >> 24 & 15);
    if ((value >> cpu & 1) && one->group1) one->latch = true;
  }
}

// Registers of one bit an interrupt, from GICD_IGROUPR to GICD_ICACTIVER.
static u32 bank(u32 cpu, u64 offset, u32 first, u32 value, bool write) {
  u32 result = 0;
  for (u32 n = 0; n < 32; n++) {
    struct interrupt *one = interrupt(cpu, first + n);
    bool set = value >> n & 1, *field;
    switch (offset & ~0x7full) {
      case GICD_IGROUPR: field = &one->group1; break;
      case GICD_ISENABLER: case GICD_ICENABLER: field = &one->enabled; break;
      case GICD_ISPENDR: case GICD_ICPENDR: field = &one->latch; break;
      default: field = &one->active; break;
    }
    if (write && (offset & ~0x7full) == GICD_IGROUPR) *field = set;
    else if (write && set) *field = (offset & 0x80) == 0;
    result |= (u32)*field << n;
  }
  return result;
}
static bool is_bank(u64 offset) { return offset >= GICD_IGROUPR && offset < GICD_IPRIORITYR; }

// A device tree that moves the GIC a little has lied; the board's own tree does not.
static void refuse(const char *what, u64 offset, u32 bytes) {
#ifdef TARGET_fdt
  (void)what, (void)offset, (void)bytes;
  end_run();
#else
  violation("a %s of %u bytes of the GIC at %llx", what, bytes, (unsigned long long)offset);
#endif
}

u64 gic_read(u64 offset, u32 bytes, bool redistributors) {
  u32 cpu = 0;
  if (redistributors) {
    cpu = offset / GICR_STRIDE;
    if (cpu >= CPUS) end_run();
    offset %= GICR_STRIDE;
    if (offset == GICR_TYPER && bytes == 8) return (u64)cpu << 32 | cpu << 8 | (cpu == CPUS - 1 ? GICR_TYPER_LAST : 0);
    if (bytes != 4) refuse("read", offset, bytes);
    if (offset == GICR_CTLR || offset == GICR_WAKER) return 0;
    offset -= GICR_SGI_FRAME;
  } else if (offset == GICD_CTLR) return board.gicd_ctlr | GICD_CTLR_DS;
  else if (offset == GICD_TYPER) return 1;
  u32 first = (offset & 0x7f) * 8;
  if (bytes == 4 && is_bank(offset) && first < 32 + SPIS && redistributors == (first < 32)) return bank(cpu, offset, first, 0, false);
  if (bytes == 4 && offset >= GICD_ICFGR && offset < GICD_IGRPMODR) return 0;
  refuse("read", offset, bytes);
  return 0;
}

void gic_write(u64 offset, u32 bytes, u64 value, bool redistributors) {
  u32 cpu = 0;
  if (redistributors) {
    cpu = offset / GICR_STRIDE;
    if (cpu >= CPUS) end_run();
    offset %= GICR_STRIDE;
    if (offset == GICR_WAKER && bytes == 4) return;
    offset -= GICR_SGI_FRAME;
  } else if (offset == GICD_CTLR && bytes == 4) {
    board.gicd_ctlr = value;
    return;
  } else if (bytes == 8 && offset >= GICD_IROUTER && offset < GICD_IROUTER + 8 * (32 + SPIS)) return;
  u32 first = (offset & 0x7f) * 8;
  u64 priority = offset - GICD_IPRIORITYR;
  if (bytes == 4 && is_bank(offset) && first < 32 + SPIS && redistributors == (first < 32)) bank(cpu, offset, first, value, true);
  else if ((bytes == 1 || bytes == 4) && priority < 32 + SPIS && redistributors == (priority < 32))
    for (u32 n = 0; n < bytes; n++) interrupt(cpu, priority + n)->priority = value >> (8 * n) & 0xf8;
  else if (!(bytes == 4 && offset >= GICD_ICFGR && offset < GICD_IGRPMODR)) refuse("write", offset, bytes);
}

// --- list registers (12.4.8): what makes them UNPREDICTABLE is a violation

void list_check(u32 list, u64 value) {
  REQUIRE(list < LIST_REGISTERS, "ICH_LR%u_EL2 does not exist", list);
  if (!(value & LR_STATE)) return;
  REQUIRE(!(value & LR_HW) || (value & LR_STATE) != LR_STATE, "ICH_LR%u: a linked interrupt is pending and active", list);
  REQUIRE((u32)value < INTID_SPECIAL, "ICH_LR%u: vINTID %u", list, (u32)value);
  for (u32 n = 0; n < LIST_REGISTERS; n++) {
    u64 other = acting()->registers[R_IchLr0El2 + n];
    REQUIRE(n == list || !(other & LR_STATE) || (u32)other != (u32)value, "vINTID %u is in two list registers", (u32)value);
  }
}

static u32 running(const u64 *r) {
  u32 active = r[R_IchAp0r0El2] | r[R_IchAp1r0El2];
  return active == 0 ? 0x100 : (u32)__builtin_ctz(active) << 3;
}

// A read of ICC_IAR1_EL1 by the guest.
u32 guest_acknowledge(u32 cpu) {
  u64 *r = board.cpus[cpu].registers;
  if (!(r[R_IchHcrEl2] & ICH_HCR_EN) || !(r[R_IchVmcrEl2] & VMCR_ENABLE_G1)) return SPURIOUS;
  int best = -1;
  u32 limit = r[R_IchVmcrEl2] >> 24 & 0xff;
  if (running(r) < limit) limit = running(r);
  for (u32 n = 0; n < LIST_REGISTERS; n++) {
    u64 list = r[R_IchLr0El2 + n];
    u32 priority = list >> LR_PRIORITY_SHIFT & 0xff;
    if ((list & LR_STATE) != LR_PENDING || !(list & LR_GROUP1) || priority >= limit) continue;
    best = n;
    limit = priority;
  }
  if (best < 0) return SPURIOUS;
  r[R_IchAp1r0El2] |= 1u << LEVEL(limit);
  u64 *list = &r[R_IchLr0El2 + best];
  *list = (*list & ~LR_STATE) | LR_ACTIVE;
  return (u32)*list;
}

// A write of ICC_EOIR1_EL1 by the guest.
void guest_end(u32 cpu, u32 intid) {
  u64 *r = board.cpus[cpu].registers;
  u32 active = r[R_IchAp1r0El2];
  if (intid >= INTID_SPECIAL || active == 0) return;
  r[R_IchAp1r0El2] = active & (active - 1);
  if (r[R_IchVmcrEl2] & VMCR_EOIMODE) return;
  for (u32 n = 0; n < LIST_REGISTERS; n++) {
    u64 *list = &r[R_IchLr0El2 + n];
    if (!(*list & LR_ACTIVE) || (u32)*list != intid) continue;
    *list &= ~LR_ACTIVE;
    if (*list & LR_HW) gic_deactivate(cpu, *list >> LR_PINTID_SHIFT & 0x1fff);
    return;
  }
  u64 ended = (r[R_IchHcrEl2] >> 27 & 31) + 1;
  r[R_IchHcrEl2] = (r[R_IchHcrEl2] & 0x07ffffff) | (ended > 31 ? 31 : ended) << 27;
}
