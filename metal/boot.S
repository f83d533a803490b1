// From the loader to the first line of TypeScript: arm64 Image header, entry at EL2 with the MMU off, the tables that the build made, the
// core's memory zeroed, a stack; and the way of the other CPUs. (Linux: Documentation/arm64/booting.rst; Arm ARM D8 for translation.)

#include "abi.h"

.macro mov64 reg, value
  movz \reg, #((\value) & 0xffff)
  movk \reg, #(((\value) >> 16) & 0xffff), lsl #16
  movk \reg, #(((\value) >> 32) & 0xffff), lsl #32
  movk \reg, #(((\value) >> 48) & 0xffff), lsl #48
.endm

.section .head, "ax"
.global image_start
image_start:
  b     start                     // code0
  b     start_from_rom            // code1: where our own EL3 code enters
  .quad 0                         // text_offset: at a 2 MiB boundary
  .quad image_memory_size         // image_size, with zeroed data and the core's memory
  .quad 0x2                       // flags: little endian, 4 KiB pages, close to the base of RAM
  .quad 0, 0, 0
  .ascii "ARM\x64"
  .long 0

// x0: physical address of the board's device tree. x1, x2 and x3 are zero by the boot protocol; our ROM says more in x1.
start:
  mov   x1, xzr
start_from_rom:
  msr   spsel, #1                 // before anything can fault: a loader may enter with SP_EL0, whose vectors are others
  msr   daifset, #15
  mov   x20, x0
  mov   x21, x1
  mov   x22, xzr                  // the number of this CPU
  mrs   x2, CurrentEL
  cmp   x2, #(2 << 2)
  b.ne  wrong_level

  // The tables hold offsets from the image's start: make them physical addresses.
  adr   x19, image_start
  adrp  x0, stage1_tables
  add   x0, x0, :lo12:stage1_tables
  add   x1, x0, #(STAGE1_BUILT * 4096)
1:ldr   x2, [x0]
  tbz   x2, #0, 2f
  add   x2, x2, x19
  str   x2, [x0]
2:add   x0, x0, #8
  cmp   x0, x1
  b.ne  1b
  dmb   sy
  // Drop stale lines of the tables: they were written with the MMU off.
  sub   x0, x1, #(STAGE1_BUILT * 4096)
3:dc    ivac, x0
  add   x0, x0, #16
  cmp   x0, x1
  b.ne  3b
  dsb   sy
  b     translate

// Where the firmware lets another CPU in, at EL2 with the MMU off (PSCI CPU_ON). x0: its number.
.global start_cpu
start_cpu:
  msr   spsel, #1
  msr   daifset, #15
  mov   x22, x0
  adr   x19, image_start

translate:
  // E2H = 0, TGE = 0: this is EL2 and nothing else.
  mov   x0, #(1 << 31)
  msr   hcr_el2, x0
  isb
  // Attributes: 0 Device-nGnRE, 1 Normal write-back.
  mov   x0, #0xff04
  msr   mair_el2, x0
  // 48 bits of address, 4 KiB granule, walks write-back inner shareable, physical size as the CPU has it.
  mrs   x1, id_aa64mmfr0_el1
  and   x1, x1, #15
  mov   x2, #5                    // more than 48 bits take another granule or format
  cmp   x1, x2
  csel  x1, x1, x2, lo
  mov64 x0, 0x80803510
  orr   x0, x0, x1, lsl #16
  msr   tcr_el2, x0
  adrp  x0, stage1_tables
  msr   ttbr0_el2, x0
  tlbi  alle2
  dsb   sy
  // Nothing is mapped where this code runs: the fetch behind the switch faults and goes on at `mapped`, in the image's own addresses.
  mov64 x0, IMAGE_VA
  adr   x1, switch_vectors
  sub   x1, x1, x19
  add   x1, x0, x1
  msr   vbar_el2, x1
  isb
  // M, C, SA, I, WXN, and the bits that are RES1.
  mov64 x0, (0x30c50830 | 0x0008100d)
  msr   sctlr_el2, x0
  isb
1:wfe                             // not reached
  b     1b

wrong_level:                      // early console: there is no other way to say it
  mov64 x0, EARLY_UART
  adr   x1, wrong_level_text
1:ldrb  w2, [x1], #1
  cbz   w2, 2f
  str   w2, [x0]
  b     1b
2:mov64 x0, PSCI_SYSTEM_OFF       // at EL1 whoever is above may answer
  hvc   #0
3:wfi
  b     3b
wrong_level_text:
  .asciz "\036<0>[    0.000000] halted: crash not entered at EL2 (QEMU: -machine virt,gic-version=3,virtualization=on)\r\n"

.balign 2048
switch_vectors:                   // only the entry for a synchronous exception from EL2 with its own stack is reached
  .skip 0x200
mapped:
  mov64 x0, (CPU_AREAS + CPU_AREA_SIZE - CPU_BLOCK_SIZE)
  add   x0, x0, x22, lsl #CPU_AREA_SHIFT
  mov   sp, x0
  adrp  x0, vectors
  add   x0, x0, :lo12:vectors
  msr   vbar_el2, x0
  isb
  mov   x29, xzr
  cbnz  x22, other_cpu

  // Zero .bss and the core's memory.
  adrp  x0, bss_start
  add   x0, x0, :lo12:bss_start
  adrp  x1, bss_end
  add   x1, x1, :lo12:bss_end
  bl    hl_zero
  mov64 x0, (WINDOW + WINDOW_BASE)
  mov64 x1, (WINDOW + WINDOW_PAGES * 0x10000)
  bl    hl_zero
  adrp  x0, image_pa
  str   x19, [x0, :lo12:image_pa]
  mov   x0, x20
  mov   x1, x21
  bl    hl_boot
  b     enter_vcpu

other_cpu:
  mov   x0, x22
  bl    hl_boot_cpu
  b     enter_vcpu
