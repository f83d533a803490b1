// Memory of the native harness, and its snapshot, which comes back in time that depends on what was changed alone. Of RAM, each page that is written is in a
// list. What the core stores in its own memory nobody sees: that is a private mapping of a file in memory, what a run changes are copies of pages, and
// MADV_DONTNEED drops them.
#define _GNU_SOURCE
#include "board.h"

#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct board board;
static struct board saved;
static u8 *ram;
w2c_core core;
jmp_buf end_of_run;

#define RAM_PAGES (RAM_BYTES / PAGE)

static u8 *saved_ram;
// Of each page of RAM: it has been written since the snapshot; the snapshot has something there.
enum { WRITTEN = 1, SAVED = 2 };
static u8 pages[RAM_PAGES];
static u32 written[RAM_PAGES], written_count;

static int core_file;

static u8 *map(u64 bytes, int flags, int file) {
  u8 *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | flags, file, 0);
  if (at == MAP_FAILED) abort();
  return at;
}

void wasm_rt_allocate_memory(wasm_rt_memory_t *memory, uint64_t pages, uint64_t max_pages, bool is64, uint32_t page_size) {
  (void)max_pages, (void)is64;
  memory->size = pages * page_size;
  core_file = memfd_create("core", 0);
  if (core_file < 0 || ftruncate(core_file, memory->size) != 0) abort();
  memory->data = map(memory->size, 0, core_file);
}

void violation(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "violation: ");
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  abort();
}
void end_run(void) {
#ifdef MIDWAY
  midway_end();
#endif
  longjmp(end_of_run, 1);
}

// The whole range is RAM; a device tree that names other RAM than there is has lied.
const u8 *ram_at(u64 pa, u64 bytes) {
  if (pa < RAM_START || pa - RAM_START >= RAM_BYTES || bytes > RAM_BYTES - (pa - RAM_START)) end_run();
  return ram + (pa - RAM_START);
}
static void mark(u32 page) {
  if (pages[page] & WRITTEN) return;
  pages[page] |= WRITTEN;
  written[written_count++] = page;
}
u8 *ram_to_write(u64 pa, u64 bytes) {
  u8 *at = ram + (ram_at(pa, bytes) - ram);
  if (bytes == 0) return at;
  for (u64 page = (pa - RAM_START) / PAGE; page <= (pa + bytes - 1 - RAM_START) / PAGE; page++) mark(page);
  return at;
}
// Pages that are zero already are not written: a run that clears much would have much to bring back.
void ram_zero(u64 pa, u64 bytes) {
  ram_at(pa, bytes);
  for (u64 page = (pa - RAM_START) / PAGE; page < (pa + bytes - RAM_START) / PAGE; page++) {
    if (pages[page] == 0) continue;
    mark(page);
    memset(ram + page * PAGE, 0, PAGE);
  }
}

void board_make(void) {
  ram = map(RAM_BYTES, MAP_ANONYMOUS | MAP_NORESERVE, -1);
  saved_ram = map(RAM_BYTES, MAP_ANONYMOUS | MAP_NORESERVE, -1);
  wasm2c_core_instantiate(&core, IMPORTS_NULL);
  // Null's page: nothing of the core lies there.
  if (mprotect(core.w2c_memory.data, WINDOW_BASE, PROT_NONE) != 0) abort();
  board.door.high = PHYS_LIMIT;
  for (u32 cpu = 0; cpu < CPUS; cpu++) {
    u64 *registers = board.cpus[cpu].registers;
    for (u32 n = 0; n < EL1_REGISTERS; n++) registers[n] = 0xdeadbeef0badcafeull;
    registers[R_CntvCtlEl0] = 0;
    for (u32 n = 0; n < sizeof(first_values) / sizeof(first_values[0]); n++) registers[first_values[n].at] = first_values[n].value;
    registers[R_MpidrEl1] = 0x80000000ull | cpu;
  }
}

void board_snapshot(void) {
  static const u8 zeros[PAGE];
  saved = board;
  for (u32 n = 0; n < written_count; n++) {
    u64 page = written[n];
    pages[page] = memcmp(ram + page * PAGE, zeros, PAGE) == 0 ? 0 : SAVED;
    if (pages[page] == SAVED) memcpy(saved_ram + page * PAGE, ram + page * PAGE, PAGE);
  }
  written_count = 0;
  wasm_rt_memory_t *memory = &core.w2c_memory;
  for (u64 at = WINDOW_BASE; at < memory->size; at += PAGE) {
    if (memcmp(memory->data + at, zeros, PAGE) != 0 && pwrite(core_file, memory->data + at, PAGE, at) != (ssize_t)PAGE) abort();
  }
}

void board_reset(void) {
  board = saved;
  for (u32 n = 0; n < written_count; n++) {
    u64 page = written[n];
    memcpy(ram + page * PAGE, saved_ram + page * PAGE, PAGE);
    pages[page] &= ~WRITTEN;
  }
  written_count = 0;
  if (madvise(core.w2c_memory.data, core.w2c_memory.size, MADV_DONTNEED) != 0) abort();
}
