// The HAL of the native harness: the functions of src/hal/ on the board of board.h, with the checks of metal/hal.h. What they refuse is a violation.
#include "board.h"

#include <string.h>

#define HAL(type, module, name, ...) \
  type w2c_##module##_##name(__attribute__((unused)) struct w2c_##module *instance_ __VA_OPT__(, ) __VA_ARGS__)
#define ASM(...) (void)0

// More calls than the longest exit makes: the core goes in circles.
#define CALLS_MAX 4000000
static void count(void) { REQUIRE(++board.calls < CALLS_MAX, "%u HAL calls and no end", board.calls); }

#define DESC_OUTPUT 0x0000fffffffff000ull
#define DESC_CONTIGUOUS (1ull << 52)

// --- barrier, tlb
#include "instructions.h"

// --- phys
static void require_phys(u64 pa, u64 bytes) {
  count();
  REQUIRE(pa >= board.door.low && pa < board.door.high && bytes <= board.door.high - pa, "REFUSE_PHYS: %llu bytes at %llx", (unsigned long long)bytes, (unsigned long long)pa);
}
static const u8 *phys(u64 pa, u64 bytes) {
  require_phys(pa, bytes);
#ifdef MIDWAY
  if (pa - INPUT_AT < INPUT_MAX) midway_reached();
#endif
  return ram_at(pa, bytes);
}
static u8 *phys_to_write(u64 pa, u64 bytes) {
  require_phys(pa, bytes);
  return ram_to_write(pa, bytes);
}
#define READ(bits, type) \
  HAL(type, phys, read##bits, u64 pa) { u##bits value; memcpy(&value, phys(pa, bits / 8), bits / 8); return value; }
#define WRITE(bits, type) \
  HAL(void, phys, write##bits, u64 pa, type value) { u##bits part = value; memcpy(phys_to_write(pa, bits / 8), &part, bits / 8); }
READ(8, u32)
READ(32, u32)
READ(64, u64)
WRITE(8, u32)
WRITE(32, u32)
WRITE(64, u64)

HAL(u32, phys, load16, u64 pa) {
  REQUIRE(pa % 2 == 0, "REFUSE_PHYS: an index at the odd address %llx", (unsigned long long)pa);
  u16 value;
  memcpy(&value, phys(pa, 2), 2);
  return value;
}
HAL(void, phys, store16, u64 pa, u32 value) {
  REQUIRE(pa % 2 == 0, "REFUSE_PHYS: an index at the odd address %llx", (unsigned long long)pa);
  u16 part = value;
  memcpy(phys_to_write(pa, 2), &part, 2);
}

HAL(void, phys, copy, u64 to, u64 from, u64 bytes) {
  REQUIRE(to + bytes <= from || from + bytes <= to, "phys.copy of ranges that overlap");
  memcpy(phys_to_write(to, bytes), phys(from, bytes), bytes);
}
HAL(u64, phys, sum, u64 pa, u64 bytes) {
  const u8 *from = phys(pa, bytes);
  u64 sum = 0;
  for (u64 at = 0; at < bytes; at += 8) {
    u64 word = 0;
    memcpy(&word, from + at, bytes - at < 8 ? bytes - at : 8);
    sum += word;
    sum += sum < word;
  }
  return sum;
}
HAL(void, phys, zero, u64 pa, u64 bytes) {
  REQUIRE((pa | bytes) % PAGE == 0, "REFUSE_PHYS: a range to zero that is not aligned");
  require_phys(pa, bytes);
  ram_zero(pa, bytes);
}
static bool own(u64 base, u64 end) { return base < IMAGE_END && end > IMAGE_START; }
HAL(void, phys, restrict, u64 low, u64 high) {
  REQUIRE(!board.door.locked && high >= low && !own(low, high), "REFUSE_PHYS: the range of guest memory");
  board.door.low = low;
  board.door.high = high;
}
HAL(void, phys, addBank, u64 pa, u64 bytes) {
  REQUIRE(!board.door.locked && board.door.banks < MAX_BANKS && board.door.pool_pages == 0, "REFUSE_AFTER_LOCK: a bank");
  REQUIRE(pa + bytes >= pa && !own(pa, pa + bytes), "REFUSE_PHYS: a bank of guests' RAM holds the image");
  board.door.bank[board.door.banks].base = pa;
  board.door.bank[board.door.banks++].end = pa + bytes;
}

// --- cache
HAL(void, cache, cleanInvalidate, u64 pa, u64 bytes) { phys(pa, bytes); }

// --- table
static u32 table_page(u64 table) {
  count();
  u64 page = (table - board.door.pool) / PAGE;
  REQUIRE(table % PAGE == 0 && page < board.door.pool_pages, "REFUSE_TABLE: %llx is no page of the pool", (unsigned long long)table);
  return page;
}
static u64 entry_read(u64 table, u32 index) {
  u64 value;
  memcpy(&value, ram_at(table + 8 * index, 8), 8);
  return value;
}
static void entry_write(u64 table, u32 index, u64 value) { memcpy(ram_to_write(table + 8 * index, 8), &value, 8); }
static void require_entry(u64 table, u32 index) {
  REQUIRE(index < TABLE_ENTRIES && board.tables[table_page(table)].level != 0, "REFUSE_TABLE: entry %u of %llx", index, (unsigned long long)table);
}
HAL(void, table, setPool, u64 base, u32 pages) {
  u64 end = base + pages * PAGE;
  REQUIRE(!board.door.locked && board.door.pool_pages == 0 && pages <= HYP_SIZE / PAGE, "REFUSE_AFTER_LOCK: the pool of tables");
  REQUIRE(base % PAGE == 0 && !own(base, end), "REFUSE_TABLE: the pool of tables");
  for (u32 n = 0; n < board.door.banks; n++)
    REQUIRE(base >= board.door.bank[n].end || end <= board.door.bank[n].base, "REFUSE_TABLE: the pool of tables is in a bank of guests' RAM");
  board.door.pool = base;
  board.door.pool_pages = pages;
}
HAL(void, table, format, u64 table, u32 level) {
  u32 page = table_page(table);
  REQUIRE(level >= 1 && level <= 3 && board.tables[page].level == 0, "REFUSE_TABLE: %llx made a table of level %u", (unsigned long long)table, level);
  ram_zero(table, PAGE);
  board.tables[page].level = level;
}
HAL(u64, table, read, u64 table, u32 index) {
  require_entry(table, index);
  return entry_read(table, index);
}
HAL(u32, table, used, u64 table) { return board.tables[table_page(table)].used; }
HAL(void, table, writeTable, u64 table, u32 index, u64 next) {
  require_entry(table, index);
  u32 page = table_page(table), child = table_page(next);
  bool valid = entry_read(table, index) & 1;
  REQUIRE(board.tables[child].level == board.tables[page].level + 1 && !board.tables[child].linked && !valid, "REFUSE_TABLE_ENTRY: %llx", (unsigned long long)next);
  board.tables[child].linked = true;
  board.tables[page].used++;
  entry_write(table, index, next | 3);
}
HAL(void, table, writeLeaf, u64 table, u32 index, u64 descriptor) {
  require_entry(table, index);
  u32 page = table_page(table), level = board.tables[page].level;
  u64 bytes = PAGE << (9 * (3 - level)), output = descriptor & DESC_OUTPUT;
  bool in_bank = false;
  for (u32 n = 0; n < board.door.banks; n++)
    in_bank |= output >= board.door.bank[n].base && output < board.door.bank[n].end && bytes <= board.door.bank[n].end - output;
  REQUIRE((descriptor & (DESC_CONTIGUOUS | 3)) == (level == 3 ? 3 : 1) && output % bytes == 0 && in_bank && !(entry_read(table, index) & 1),
    "REFUSE_LEAF: %llx at level %u", (unsigned long long)descriptor, level);
  board.tables[page].used++;
  entry_write(table, index, descriptor);
}
HAL(void, table, clear, u64 table, u32 index) {
  require_entry(table, index);
  u32 page = table_page(table);
  u64 old = entry_read(table, index);
  if (!(old & 1)) return;
  if (board.tables[page].level < 3 && (old & 3) == 3) board.tables[table_page(old & DESC_OUTPUT)].linked = false;
  board.tables[page].used--;
  entry_write(table, index, 0);
}
HAL(void, table, release, u64 table) {
  u32 page = table_page(table);
  REQUIRE(board.tables[page].level != 0 && !board.tables[page].linked && board.tables[page].used == 0, "REFUSE_TABLE: %llx is released", (unsigned long long)table);
  for (u32 n = 0; n < CPUS; n++) REQUIRE(board.cpus[n].root != table, "REFUSE_TABLE: the root of CPU %u is released", n);
  board.tables[page].level = 0;
}

// --- sysreg
static bool valid_hcr(u64 value) { return (value & (HCR_REQUIRED | HCR_REFUSED)) == HCR_REQUIRED; }
static bool valid_vtcr(u64 value) { return (value & ~VTCR_OF_CPU) == VTCR_BASE; }
static bool valid_vttbr(u64 value) {
  acting()->root = value & 0xffffffffffff;
  return board.tables[table_page(acting()->root)].level == 1;
}
static u64 register_read(u32 name) {
  count();
  u64 *registers = acting()->registers, virtual = board.count - registers[R_CntvoffEl2];
  switch (name) {
    case R_CntpctEl0: return board.count;
    case R_IccIar1El1: return gic_acknowledge();
    case R_CntvCtlEl0: {
      u64 control = registers[name] & 3;
      return control | ((control & CNT_CTL_ENABLE) && virtual >= registers[R_CntvCvalEl0] ? CNT_CTL_ISTATUS : 0);
    }
    default: return registers[name];
  }
}
static void register_write(u32 name, u64 value) {
  count();
  if (name >= R_IchLr0El2 && name < R_IchLr0El2 + 16) list_check(name - R_IchLr0El2, value);
  switch (name) {
    case R_IccEoir1El1: gic_end(value); break;
    case R_IccDirEl1: gic_deactivate(board.acting, value); break;
    case R_IccSgi1rEl1: gic_send(value); break;
    case R_CntvCtlEl0: value &= 3; break;
    case R_IccAp1r0El1: acting()->depth = 0; break;
    default: break;
  }
  acting()->registers[name] = value;
}
#define HAL_READ(name, reg) \
  HAL(u64, sysreg, read##name) { return register_read(R_##name); }
#define HAL_WRITE(name, reg) \
  HAL(void, sysreg, write##name, u64 value) { register_write(R_##name, value); }
#define HAL_WRITE_CHECKED(name, reg, check)                                          \
  HAL(void, sysreg, write##name, u64 value) {                                        \
    REQUIRE(valid_##check(value), "REFUSE_SYSREG: " reg " = %llx", (unsigned long long)value); \
    register_write(R_##name, value);                                                 \
  }
#include "sysreg.h"

// --- mmio: where the board has nothing, a device tree has lied
static u64 device_read(u64 pa, u32 bytes) {
  count();
  REQUIRE(pa % bytes == 0, "a device access of %u bytes at %llx", bytes, (unsigned long long)pa);
  if (pa >= BOARD_GICD && pa < BOARD_GICD + GICD_SIZE) return gic_read(pa - BOARD_GICD, bytes, false);
  if (pa >= BOARD_GICR && pa < BOARD_GICR + CPUS * GICR_STRIDE) return gic_read(pa - BOARD_GICR, bytes, true);
  if (bytes == 4 && pa == UART_BASE + UART_FR) return FR_TXFE | (board.uart.waiting == 0 ? FR_RXFE : 0);
  if (bytes == 4 && pa == UART_BASE + UART_DR) {
    if (board.uart.waiting == 0) return 0;
    u8 byte = board.uart.input[0];
    memmove(board.uart.input, board.uart.input + 1, --board.uart.waiting);
    if (board.uart.waiting == 0) board.uart.raw &= ~(INT_RX | INT_RT);
    return byte;
  }
  if (bytes == 4 && pa == RTC_BASE) return 1700000000;
  if (bytes == 4 && pa - BOARD_VIRTIO < BOARD_VIRTIO_SIZE) return virtio_read(pa - BOARD_VIRTIO);
  end_run();
}
static void device_write(u64 pa, u32 bytes, u64 value) {
  count();
  REQUIRE(pa % bytes == 0, "a device access of %u bytes at %llx", bytes, (unsigned long long)pa);
  if (pa >= BOARD_GICD && pa < BOARD_GICD + GICD_SIZE) gic_write(pa - BOARD_GICD, bytes, value, false);
  else if (pa >= BOARD_GICR && pa < BOARD_GICR + CPUS * GICR_STRIDE) gic_write(pa - BOARD_GICR, bytes, value, true);
  else if (bytes == 4 && pa == UART_BASE + UART_DR) board.uart.raw |= INT_TX;
  else if (bytes == 4 && pa == UART_BASE + UART_ICR) board.uart.raw &= ~value;
  else if (bytes == 4 && pa == UART_BASE + UART_IMSC) board.uart.mask = value;
  else if (bytes == 4 && pa == UART_BASE + UART_CR) return;
  else if (bytes == 4 && pa - BOARD_VIRTIO < BOARD_VIRTIO_SIZE) virtio_write(pa - BOARD_VIRTIO, value);
  else end_run();
}
HAL(u32, mmio, read32, u64 pa) { return device_read(pa, 4); }
HAL(u64, mmio, read64, u64 pa) { return device_read(pa, 8); }
HAL(void, mmio, write8, u64 pa, u32 value) { device_write(pa, 1, value & 0xff); }
HAL(void, mmio, write32, u64 pa, u32 value) { device_write(pa, 4, value); }
HAL(void, mmio, write64, u64 pa, u64 value) { device_write(pa, 8, value); }

// --- atomic
static u32 *word(u32 at) {
  count();
  REQUIRE(at % 4 == 0 && at >= WINDOW_BASE && at < core.w2c_memory.size, "an atomic access at %x", at);
  return (u32 *)(core.w2c_memory.data + at);
}
HAL(u32, atomic, load32, u32 at) { return *word(at); }
HAL(void, atomic, store32, u32 at, u32 value) { *word(at) = value; }
#define CHANGE(name, change)                                  \
  HAL(u32, atomic, name, u32 at, u32 value) {                 \
    u32 *found = word(at), old = *found;                      \
    *found = change;                                          \
    return old;                                               \
  }
CHANGE(add32, old + value)
CHANGE(or32, old | value)
CHANGE(swap32, value)

// --- cpu
HAL(u32, cpu, number) { return acting()->number; }
HAL(u64, cpu, smc, u64 id, u64 a, u64 b, u64 c) {
  (void)a, (void)b, (void)c;
  REQUIRE(IS_FIRMWARE_CALL(id), "REFUSE_SMC: %llx", (unsigned long long)id);
  if (id == PSCI_SYSTEM_OFF) end_run();
  return NOT_SUPPORTED;
}
HAL(u64, cpu, start, u64 mpidr, u32 number) {
  REQUIRE(number >= 1 && number < MAX_CPUS, "REFUSE_CPU: a CPU is started as number %u", number);
  if (mpidr >= CPUS) return INVALID_PARAMETERS;
  if (board.cpus[mpidr].power != OFF) return ALREADY_ON;
  board.cpus[mpidr].power = STARTING;
  board.cpus[mpidr].number = number;
  return SUCCESS;
}
HAL(void, cpu, relax) { run_relax(); }
HAL(void, cpu, halt) { end_run(); }

// --- context
static u8 *frame(u32 at) {
  REQUIRE(at % 16 == 0 && at >= WINDOW_BASE && at + VCPU_FRAME_SIZE <= core.w2c_memory.size, "a record at %x", at);
  return core.w2c_memory.data + at;
}
HAL(void, context, loadEl1, u32 at) {
  memcpy(acting()->registers, frame(at) + VCPU_FRAME_SP_EL0, 8 * EL1_REGISTERS);
  acting()->registers[R_CntvCtlEl0] &= 3;
}
HAL(void, context, saveEl1, u32 at) {
  memcpy(frame(at) + VCPU_FRAME_SP_EL0, acting()->registers, 8 * EL1_REGISTERS);
  u64 control = register_read(R_CntvCtlEl0);
  memcpy(frame(at) + VCPU_FRAME_SP_EL0 + 8 * R_CntvCtlEl0, &control, 8);
}
static void require_open(void) { REQUIRE(!(acting()->registers[R_CptrEl2] & CPTR_TFP), "EL2 uses vector registers that CPTR_EL2.TFP traps"); }
HAL(void, context, loadFp, u32 at) {
  require_open();
  memcpy(acting()->vectors, frame(at) + VCPU_FRAME_V, sizeof(acting()->vectors));
}
HAL(void, context, saveFp, u32 at) {
  require_open();
  memcpy(frame(at) + VCPU_FRAME_V, acting()->vectors, sizeof(acting()->vectors));
}

// --- stage1
HAL(u64, stage1, base) { return STAGE1_AT; }
HAL(u64, stage1, read, u32 page, u32 index) {
  REQUIRE(page < STAGE1_PAGES && index < TABLE_ENTRIES, "REFUSE_STAGE1: entry %u of table %u", index, page);
  return entry_read(STAGE1_AT + page * PAGE, index);
}
HAL(void, stage1, write, u32 page, u32 index, u64 descriptor) {
  REQUIRE(!board.door.locked && w2c_stage1_read(instance_, page, index) == 0 && (page == 0 || board.door.stage1_level[page] != 0),
    "REFUSE_STAGE1: entry %u of table %u", index, page);
  u32 level = board.door.stage1_level[page], type = descriptor & 3;
  u64 output = descriptor & DESC_OUTPUT, bytes = PAGE << (9 * (3 - level)), next = (output - STAGE1_AT) / PAGE;
  if (level < 3 && type == 3) {
    REQUIRE(next >= STAGE1_BUILT && next < STAGE1_PAGES && board.door.stage1_level[next] == 0, "REFUSE_STAGE1: %llx", (unsigned long long)descriptor);
    board.door.stage1_level[next] = level + 1;
  } else {
    REQUIRE(level != 0 && type == (level == 3 ? 3 : 1) && (descriptor >> 54 & 1) && !(descriptor & DESC_CONTIGUOUS) && output % bytes == 0 && !own(output, output + bytes),
      "REFUSE_STAGE1: %llx at level %u", (unsigned long long)descriptor, level);
  }
  entry_write(STAGE1_AT + page * PAGE, index, descriptor);
}
HAL(void, stage1, lock) { board.door.locked = true; }

// --- image, crash
HAL(u64, image, start) { return IMAGE_START; }
HAL(u64, image, end) { return IMAGE_END; }
HAL(u64, crash, register, u32 index) { (void)index; return 0; }
HAL(u64, crash, stackWord, u64 va) { (void)va; return 0; }
HAL(u32, crash, symbolWord, u32 index) { (void)index; return 0; }
