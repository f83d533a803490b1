// Target `exits`: what guests and the board do, by the events of the input (format.ts).
#include "board.h"

#include <string.h>

#define IL (1ull << 25)
#define CLASS(ec) ((u64)(ec) << 26 | IL)
#define XZR 31
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static u8 *word_of(u32 vcpu, u32 offset) { return core.w2c_memory.data + vcpu + offset; }
static u64 get(u32 vcpu, u32 offset) {
  u64 value;
  memcpy(&value, word_of(vcpu, offset), 8);
  return value;
}
static void set(u32 vcpu, u32 offset, u64 value) { memcpy(word_of(vcpu, offset), &value, 8); }
static u64 x(u32 vcpu, u32 n) { return n == XZR ? 0 : get(vcpu, VCPU_FRAME_X + 8 * n); }
u64 guest_register(u32 vcpu, u32 n) { return x(vcpu, n); }
static void set_x(u32 vcpu, u32 n, u64 value) {
  if (n != XZR) set(vcpu, VCPU_FRAME_X + 8 * n, value);
}

static void sync_at(u32 cpu, u64 esr, u64 far, u64 hpfar) {
  board.cpus[cpu].registers[R_FarEl2] = far;
  board.cpus[cpu].registers[R_HpfarEl2] = hpfar;
  run_sync(cpu, esr);
}
static u64 hpfar_of(u64 ipa) { return (ipa >> 12 << 4) & 0xfffffffff0ull; }

static void call(u32 cpu, u32 vcpu, const struct event *e) {
  u64 id = e->a == 255 ? e->c : function_ids[e->a % COUNT(function_ids)];
  set_x(vcpu, 0, (e->b & 4) ? id | JUNK : id);
  set_x(vcpu, 1, (e->b & 2) ? e->d & 7 : e->d);
  set_x(vcpu, 2, e->c);
  set_x(vcpu, 3, e->d >> 32);
  if (!(e->b & 1)) set(vcpu, VCPU_FRAME_ELR, get(vcpu, VCPU_FRAME_ELR) + 4);
  sync_at(cpu, CLASS(e->b & 1 ? EC_SMC64 : EC_HVC64), 0, 0);
}

static void system_register(u32 cpu, u32 vcpu, const struct event *e) {
  u32 rt = e->b >> 1 & 31, read = e->b & 1;
  if (!read) set_x(vcpu, rt, e->d);
  u32 iss = e->a == 255 ? e->c & (ESR_ISS_MASK & ~0x3e1u) : encodings[e->a % COUNT(encodings)];
  sync_at(cpu, CLASS(EC_SYSREG) | iss | rt << 5 | read, 0, 0);
}

// A stage-2 walk (Arm ARM D8.2): the descriptor and its level; 0 is a translation fault of that level.
static u64 walk(u32 cpu, u64 ipa, u32 *level) {
  u64 table = board.cpus[cpu].root;
  for (*level = 1;; ++*level) {
    u64 descriptor;
    memcpy(&descriptor, ram_at(table + 8 * (ipa >> (39 - 9 * *level) & 511), 8), 8);
    if (!(descriptor & 1)) return 0;
    if (*level == 3 || (descriptor & 3) == 1) return descriptor;
    table = descriptor & 0xfffffffff000ull;
  }
}

u64 guest_address(u32 cpu, u64 ipa) {
  u32 level = 0;
  u64 descriptor = ipa < IPA_LIMIT ? walk(cpu, ipa, &level) : 0, span = PAGE << (9 * (3 - level));
  return descriptor == 0 ? 0 : (descriptor & 0xfffffffff000ull & ~(span - 1)) + (ipa & (span - 1));
}

void access_memory(u32 cpu, u32 vcpu, const struct event *e) {
  u32 size_log2 = e->b & 3, bytes = 1u << size_log2, rt = (e->b & 0x40) ? XZR : 5;
  bool write = e->b & 4;
  u32 region = e->a % COUNT(regions), level = 0;
  u64 ipa = e->a == 255 ? e->d & 0xffffffffffull : regions[region].base + (e->c & (regions[region].size - 1));
  if (e->b & 0x80) ipa &= ~(u64)(bytes - 1);
  if (write) set_x(vcpu, rt, e->d);
  u64 descriptor = ipa < IPA_LIMIT ? walk(cpu, ipa, &level) : 0;
  u64 span = PAGE << (9 * (3 - level)), within = ipa & (span - 1);
  // S2AP: bit 6 to read, bit 7 to write.
  bool allowed = descriptor >> (write ? 7 : 6) & 1;
  if (descriptor != 0 && allowed && within + bytes <= span) {
    u64 value = x(vcpu, rt);
    u64 pa = (descriptor & 0xfffffffff000ull & ~(span - 1)) + within;
    if (write) memcpy(ram_to_write(pa, bytes), &value, bytes);
    else set_x(vcpu, rt, (value = 0, memcpy(&value, ram_at(pa, bytes), bytes), value));
    return;
  }
  u64 valid = (e->b & 0x20) ? 0 : 1ull << 24 | size_log2 << 22 | (e->b >> 3 & 1) << 21 | rt << 16 | (e->b >> 4 & 1) << 15;
  u64 status = (descriptor != 0 ? FSC_PERMISSION : FSC_TRANSLATION) | level;
  sync_at(cpu, CLASS(EC_DABT_LOWER) | valid | (write ? ISS_WNR : 0) | status, ipa, descriptor != 0 ? 0xfffffffff0ull : hpfar_of(ipa));
}

static void general(u32 vcpu, const struct event *e) {
  u32 n = e->a % 33;
  if (n < 31) set_x(vcpu, n, e->d);
  else if (n == 31) set(vcpu, VCPU_FRAME_ELR, e->d);
  else set(vcpu, VCPU_FRAME_SPSR, (e->d & PSTATE_FREE) | modes[e->b % COUNT(modes)]);
}

static void interface(u32 cpu, const struct event *e) {
  struct board_cpu *self = &board.cpus[cpu];
  switch (e->a & 3) {
    case 0: self->registers[R_IchVmcrEl2] = (self->registers[R_IchVmcrEl2] & 0xffffff) | 0xf0000002; break;
    case 1: self->acknowledged = guest_acknowledge(cpu); break;
    case 2: guest_end(cpu, self->acknowledged); break;
    default: guest_end(cpu, e->c & 1023); break;
  }
  run_settle();
}

static void typed(u8 byte) {
  if (board.uart.waiting == sizeof(board.uart.input)) return;
  board.uart.input[board.uart.waiting++] = byte;
  board.uart.raw |= INT_RT | INT_RX;
}

static bool traps_vectors(u32 cpu) { return board.cpus[cpu].registers[R_CptrEl2] & CPTR_TFP; }

static void one(const struct event *e) {
  u32 cpu = e->cpu % CPUS, vcpu = board.cpus[cpu].vcpu, kind = e->kind % EVENT_KINDS;
  if (kind == EVENT_TIME) run_advance(e->d & (TIME_MAX - 1));
  else if (kind == EVENT_TYPED) typed(e->a), run_settle();
  else if (kind == EVENT_BOARD) virtio_event(e);
  else if (vcpu == 0) run_settle();
  else switch (kind) {
    case EVENT_SYNC:
      if (e->c >> 26 != EC_FP || traps_vectors(cpu)) sync_at(cpu, e->c, e->d, hpfar_of(e->d));
      break;
    case EVENT_CALL: call(cpu, vcpu, e); break;
    case EVENT_REGISTER: system_register(cpu, vcpu, e); break;
    case EVENT_ACCESS: access_memory(cpu, vcpu, e); break;
    case EVENT_GENERAL: general(vcpu, e); break;
    case EVENT_WAIT:
      if (board.cpus[cpu].registers[R_HcrEl2] & HCR_TWI) sync_at(cpu, CLASS(EC_WFX) | (e->c & 0x1fffffe) | (e->b & 1), 0, 0);
      break;
    case EVENT_INTERFACE: interface(cpu, e); break;
    case EVENT_SERROR: run_serror(cpu, CLASS(EC_SERROR) | (e->c & ESR_ISS_MASK)); break;
    case EVENT_CONTEXT:
      board.cpus[cpu].registers[e->a % EL1_REGISTERS] = e->a % EL1_REGISTERS == R_CntvCtlEl0 ? e->d & 3 : e->d;
      run_settle();
      break;
    case EVENT_VECTORS:
      if (traps_vectors(cpu)) sync_at(cpu, CLASS(EC_FP) | 0x1e00000, 0, 0);
      break;
    default: driver_event(cpu, vcpu, kind, e), run_settle(); break;
  }
}

void events(const u8 *data, size_t size) {
  for (; size >= EVENT_BYTES; data += EVENT_BYTES, size -= EVENT_BYTES) {
    struct event e;
    memcpy(&e, data, sizeof(e));
    one(&e);
  }
}
