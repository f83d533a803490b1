// Where things lie at EL2: physical memory, the virtual map of stage 1, and each CPU's area. Shared by boot code, linker script,
// HAL and core.
//
//   virtual address     what
//   0x4000_0000_0000    guest-RAM map: PHYS_MAP + physical address, Normal write-back, read-write, never executable
//   0x6000_0000_0000    device map: DEVICE_MAP + physical address, Device-nGnRE, only the pages of discovered devices
//   0x8000_0000_0000    image: text RX, rodata RO, data RW (one 2 MiB)
//   0x8000_ffe0_0000    CPU areas: 64 KiB a CPU, guard pages between stacks
//   0x8000_ffff_f000    one page whose end holds the header of the core's instance, just below its memory
//   0x8001_0000_0000    the window: linear memory of the core, nothing below 64 KiB, nothing behind it for 8 GiB + 4 KiB
//
// Nothing is mapped at its own physical address.

export const layout = {
  /** What the hypervisor takes at the base of the board's RAM, in bytes. */
  HYP_SIZE: 0x400_0000,
  /** The least RAM of a board. */
  BOARD_RAM_MIN: 0x1000_0000,
  /** Text offset of the image from RAM base when our own EL3 code places it: where QEMU puts an Image as well. */
  IMAGE_OFFSET: 0x20_0000,

  PHYS_MAP: 0x4000_0000_0000,
  DEVICE_MAP: 0x6000_0000_0000,
  /** Physical addresses have at most 45 bits, so the two maps do not meet. */
  PHYS_LIMIT: 0x2000_0000_0000,
  IMAGE_VA: 0x8000_0000_0000,
  IMAGE_MAX: 0x20_0000,
  CPU_AREAS: 0x8000_ffe0_0000,
  WINDOW: 0x8001_0000_0000,

  MAX_CPUS: 8,
  /** Virtual space of one CPU's area; the CPU's number is bits 16 and up of its stack pointer. */
  CPU_AREA_SIZE: 0x1_0000,
  CPU_AREA_SHIFT: 16,
  /** Emergency stack, taken by an exception from EL2 itself: its end, as an offset in the area; guard pages on each side. */
  EMERGENCY_END: 0x6000,
  EMERGENCY_SIZE: 0x2000,
  /** The stack ends at the end of the area, below the CPU block; the page below it is a guard. */
  STACK_SIZE: 0x4000,
  /** The CPU block: the last bytes of the area, at the stack pointer of an empty stack. */
  CPU_BLOCK_SIZE: 0x40,
  /** Offset in the CPU block: virtual address of the vCPU record that this CPU runs. */
  CPU_BLOCK_VCPU: 0,

  /** Pages of 64 KiB of the linear memory. */
  WINDOW_PAGES: 160,
  /** Nothing of the core lies below: address 0 is null. */
  WINDOW_BASE: 0x1_0000,

  /** Stage-1 tables that the build makes (tool/chain/stage1.ts), then those that are written at boot; a page each. */
  STAGE1_BUILT: 8,
  STAGE1_PAGES: 32,
  /** The linear memory lies this far behind the image's start, physically. */
  WINDOW_OFFSET: 0x20_0000,

  /** Bytes of the image that are kept for the table of functions. */
  SYMBOLS_SIZE: 0x6000,

  /** Where the ROM expects the bundle under `-bios`. */
  ROM_BUNDLE: 0x4800_0000,

  /** The fallback console, until the board's device tree has named one: QEMU's virt. */
  EARLY_UART: 0x0900_0000,
};

/** How the core was entered, in x1 of its first call. */
export const bootFlags = {
  /** Our own EL3 code runs below: PSCI by SMC is there though no device tree says so, and the bundle is at the address given. */
  BOOT_OWN_EL3: 1,
};
