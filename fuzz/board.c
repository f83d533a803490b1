// Memory of the native harness. RAM and the core's memory are private mappings of files in memory: what a run changes are copies of pages, and dropping
// them (MADV_DONTNEED) brings the snapshot back, in time that depends on what was changed alone.
#define _GNU_SOURCE
#include "board.h"

#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct board board;
static struct board saved;
u8 *ram;
w2c_core core;
jmp_buf end_of_run;

static struct region {
  u8 *at;
  u64 bytes;
  int file;
} regions_kept[2];
static u32 kept;

static u8 *keep(u64 bytes) {
  struct region *one = &regions_kept[kept++];
  one->bytes = bytes;
  one->file = memfd_create("fuzz", 0);
  if (one->file < 0 || ftruncate(one->file, bytes) != 0) abort();
  one->at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, one->file, 0);
  if (one->at == MAP_FAILED) abort();
  return one->at;
}

void wasm_rt_allocate_memory(wasm_rt_memory_t *memory, uint64_t pages, uint64_t max_pages, bool is64, uint32_t page_size) {
  (void)max_pages, (void)is64;
  memory->size = pages * page_size;
  memory->data = keep(memory->size);
}

void violation(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "violation: ");
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  abort();
}
void end_run(void) { longjmp(end_of_run, 1); }

// The whole range is RAM; a device tree that names other RAM than there is has lied.
u8 *ram_at(u64 pa, u64 bytes) {
  if (pa < RAM_START || pa - RAM_START >= RAM_BYTES || bytes > RAM_BYTES - (pa - RAM_START)) end_run();
  return ram + (pa - RAM_START);
}

void board_make(void) {
  ram = keep(RAM_BYTES);
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
  saved = board;
  for (u32 n = 0; n < kept; n++) {
    struct region *one = &regions_kept[n];
    u64 first = one->at == core.w2c_memory.data ? WINDOW_BASE : 0;
    u8 zeros[PAGE] = {0};
    for (u64 at = first; at < one->bytes; at += PAGE) {
      if (memcmp(one->at + at, zeros, PAGE) != 0 && pwrite(one->file, one->at + at, PAGE, at) != (ssize_t)PAGE) abort();
    }
    if (madvise(one->at + first, one->bytes - first, MADV_DONTNEED) != 0) abort();
  }
}

void board_reset(void) {
  board = saved;
  for (u32 n = 0; n < kept; n++) {
    struct region *one = &regions_kept[n];
    if (madvise(one->at, one->bytes, MADV_DONTNEED) != 0) abort();
  }
}
