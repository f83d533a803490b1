// libFuzzer's entries. One program for each target (-DTARGET_...); all boot the compiled core on the board of board.h.
#include "board.h"

#include <string.h>

// What the build has made: the device tree, the bundle, EL2's tables as the image has them.
#define INCLUDE_BYTES(name, file)                                                                        \
  __asm__(".section .rodata\n" #name ":\n.incbin \"" file "\"\n" #name "_end:\n.byte 0\n.previous\n"); \
  extern const u8 name[], name##_end[];
INCLUDE_BYTES(tree, DATA "/tree.dtb")
INCLUDE_BYTES(bundle, DATA "/bundle.bin")
INCLUDE_BYTES(stage1, DATA "/stage1.bin")

static void put(u64 pa, const u8 *bytes, size_t size) { memcpy(ram_to_write(pa, size), bytes, size); }

static void run(void (*what)(const u8 *, size_t), const u8 *data, size_t size) {
  if (setjmp(end_of_run) == 0) what(data, size);
}

#ifdef TARGET_exits
static void boot(const u8 *data, size_t size) {
  (void)data, (void)size;
  run_boot(FDT_AT);
}
#else
// Long enough for the VMs to be filled, and to begin.
static void boot_input(const u8 *data, size_t size) {
  put(INPUT_AT, data, size);
#ifdef MIDWAY
  midway_go_on();
#else
  run_boot(FDT_AT);
  run_advance(TIME_MAX);
#endif
}
#endif

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc, (void)argv;
  board_make();
  put(FDT_AT, tree, tree_end - tree);
  put(BUNDLE_AT, bundle, bundle_end - bundle);
  put(STAGE1_AT, stage1, stage1_end - stage1);
#ifdef TARGET_exits
  run(boot, NULL, 0);
  for (u32 n = 0; n < 100; n++) run_advance(TIME_MAX / 100);
  REQUIRE(board.cpus[0].vcpu != 0 && board.cpus[1].vcpu != 0, "the system does not boot");
  board.is_up = true;
#elif defined MIDWAY
  midway_boot();
#endif
  board_snapshot();
  return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size) {
  board_reset();
#ifdef TARGET_exits
  run(events, data, size);
#else
  if (size <= INPUT_MAX) run(boot_input, data, size);
#endif
  return 0;
}

// Without libFuzzer (replay.c) there is nothing to mutate.
#if defined TARGET_exits && defined __clang__
size_t LLVMFuzzerMutate(u8 *data, size_t size, size_t max_size);

// Half of the mutations keep to events: one is put in twice, taken out, moved, or has one field changed.
size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max_size, unsigned int seed) {
  u32 events = size / EVENT_BYTES, choice = seed % 8, n = events == 0 ? 0 : (seed >> 3) % events;
  u8 *at = data + n * EVENT_BYTES;
  if (events == 0 || choice >= 4) return LLVMFuzzerMutate(data, size, max_size);
  size = events * EVENT_BYTES;
  if (choice == 0 && size + EVENT_BYTES <= max_size) {
    memmove(at + EVENT_BYTES, at, size - n * EVENT_BYTES);
    LLVMFuzzerMutate(at, EVENT_BYTES, EVENT_BYTES);
    return size + EVENT_BYTES;
  }
  if (choice == 1 && events > 1) {
    memmove(at, at + EVENT_BYTES, size - (n + 1) * EVENT_BYTES);
    return size - EVENT_BYTES;
  }
  // Kind, CPU and a; b; c; d.
  static const struct { u8 start, bytes; } fields[] = {{0, 3}, {3, 1}, {4, 4}, {8, 8}};
  u32 field = (seed >> 20) % 4;
  LLVMFuzzerMutate(at + fields[field].start, fields[field].bytes, fields[field].bytes);
  return size;
}
#endif
