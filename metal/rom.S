// The reset path for a board without firmware, QEMU's `virt` with `secure=on`: from reset at EL3, on all CPUs at once, to the image at EL2; and
// what stays behind at EL3, PSCI for the CPUs (Arm DEN0022) by SMC. It runs from flash with the MMU off; its data is in secure RAM, a
// stack and a mailbox a CPU (abi/virt-board.ts). docs/el3.md tells the whole.

#include "abi.h"
#include "rom.h"

.macro pack                        // x0: an MPIDR. w0: its affinity as GICR_TYPER has it, Aff3 in bits 31-24
  ubfx  x4, x0, #32, #8
  bfi   x0, x4, #24, #8
.endm

.macro answer value               // to a call
  ldr   x0, =\value
  b     done
.endm

scr   .req  x3
cptr  .req  x4
mdcr  .req  x5
.macro open id, shift, least, to, bits // opens a feature if the field of an ID register says that the CPU has it
  mrs   x0, \id
  ubfx  x1, x0, #\shift, #4
  ldr   x2, =\bits
  cmp   x1, #\least
  csel  x2, x2, xzr, hs
  orr   \to, \to, x2
.endm

.text
.global _start
_start:
  write_at_reset
  adr   x0, vectors
  msr   vbar_el3, x0
  isb

  // This CPU's redistributor, which is also the key to its area: awake (IHI 0069, 12.11.42), its interrupts in their groups.
  mrs   x0, mpidr_el1
  bl    find_any
1:yield
  cbz   x0, 1b                    // no redistributor: nobody could ever wake this CPU
  mov   sp, x4
  str   wzr, [x0, #GICR_WAKER]
1:yield
  ldr   w1, [x0, #GICR_WAKER]
  tbnz  w1, #2, 1b                // ChildrenAsleep
  add   x0, x0, #GICR_SGI_FRAME
  write_sgi_frame

  // What the levels below may use: everything that the CPU has. Nothing is routed to EL3.
  ldr   scr, =SCR_BASE
  mov   cptr, xzr
  mov   mdcr, xzr
  open_features
  msr   scr_el3, scr
  msr   cptr_el3, cptr
  msr   mdcr_el3, mdcr
  isb
  mov   x0, #0xf                  // the longest vectors
  tbz   cptr, #8, 1f
  msr   s3_6_c1_c2_0, x0          // ZCR_EL3
1:tbz   cptr, #12, 1f
  orr   x0, x0, #(1 << 31)        // the full instruction set in streaming mode
  msr   s3_6_c1_c2_6, x0          // SMCR_EL3
1:mrs   x0, mpidr_el1
  pack
  cbnz  w0, park

  // The first CPU: all areas empty, its own on.
  ldr   x0, =VIRT_SECURE_RAM
  ldr   x1, =(VIRT_SECURE_RAM + (VIRT_GICR_SIZE >> ROM_AREA_SHIFT))
1:stp   xzr, xzr, [x0], #16
  cmp   x0, x1
  b.lo  1b
  mov   w0, #ROM_CPU_ON
  str   w0, [sp, #ROM_MAILBOX_STATE]

  // The distributor: affinity routing, the SPIs in group 1 non-secure, group 0 on for the monitor's SGI (12.9.4, 12.9.7).
  ldr   x0, =VIRT_GICD
  write_distributor
1:yield
  ldr   w1, [x0, #GICD_CTLR]
  tbnz  w1, #31, 1b               // RWP
  ldr   w1, [x0, #GICD_TYPER]
  and   w1, w1, #31               // ITLinesNumber
  add   x2, x0, #GICD_IGROUPR
  add   x3, x0, #GICD_IGRPMODR
  mov   w4, #~0
1:cbz   w1, 2f
  str   w4, [x2, w1, uxtw #2]
  str   wzr, [x3, w1, uxtw #2]
  sub   w1, w1, #1
  b     1b

  // The image from flash to RAM. It was written past the caches: drop what they may hold of it.
2:adr   x0, image
  ldr   x1, =image_end
  ldr   x2, =(VIRT_RAM + IMAGE_OFFSET)
1:ldp   x3, x4, [x0], #16
  stp   x3, x4, [x2]
  dc    ivac, x2
  add   x2, x2, #16
  cmp   x0, x1
  b.lo  1b
  dsb   sy
  ic    iallu
  dsb   sy
  ldr   x0, =VIRT_DEVICE_TREE
  mov   x1, #BOOT_OWN_EL3
  ldr   x2, =(VIRT_RAM + IMAGE_OFFSET + 4)

// Drops to EL2 at x2 with x0 and x1 as they are, MMU and caches off (DEN0022, 6.4.3; Linux, arm64/booting.rst).
drop:
  write_at_drop
  msr   elr_el3, x2
  eret
  dsb   nsh                       // no speculation past ERET
  isb

// A CPU that is off sleeps until its SGI comes, and acknowledges it: what is left pending in group 0 would hide interrupts of group 1.
park:
  write_at_park
  isb
1:wfi
  mrs   x0, s3_0_c12_c8_0         // ICC_IAR0_EL1
  cmp   w0, #ROM_WAKE_SGI
  b.ne  1b
  msr   s3_0_c12_c8_1, x0         // ICC_EOIR0_EL1
  dsb   sy
  ldp   x2, x0, [sp, #ROM_MAILBOX_ENTRY]
  mov   w1, #ROM_CPU_ON
  str   w1, [sp, #ROM_MAILBOX_STATE]
  mov   x1, xzr
  ic    iallu
  dsb   sy
  b     drop

// x1: an MPIDR as PSCI passes it. x0: the redistributor of that CPU, 0 if there is none; x4: its mailbox. Changes x5 and x6.
find:
  ubfx  x4, x1, #24, #8
  orr   x4, x4, x1, lsr #40
  cbnz  x4, 3f                    // more than affinities
  mov   x0, x1
find_any:                         // the same for x0, an MPIDR as the register has it
  pack
  ldr   x4, =VIRT_GICR
1:ldr   x5, [x4, #GICR_TYPER]
  lsr   x6, x5, #32
  cmp   w6, w0
  b.eq  2f
  tbnz  x5, #4, 3f                // Last
  add   x4, x4, #GICR_STRIDE
  tbz   x5, #1, 1b                // VLPIS: two frames more
  add   x4, x4, #GICR_STRIDE
  b     1b
2:mov   x0, x4
  ldr   x5, =VIRT_GICR
  sub   x4, x0, x5
  ldr   x5, =(VIRT_SECURE_RAM + ROM_AREA_SIZE - ROM_MAILBOX_SIZE)
  add   x4, x5, x4, lsr #ROM_AREA_SHIFT
  ret
3:mov   x0, xzr
  ret

.balign 2048
vectors:
  .set  number, 0
  .rept 16
  .balign 0x80
  .if number == 8                 // synchronous, from a level below that runs AArch64
  b     lower_sync
  .else
  mov   x0, #number
  b     crash
  .endif
  .set  number, number + 1
  .endr

// SMC: x0 says what is asked, x1 to x3 are its arguments (Arm DEN0028, 2). x0 is the answer, all other registers come back as they were.
lower_sync:
  stp   x4, x5, [sp, #-32]!
  stp   x6, x30, [sp, #16]
  mrs   x4, esr_el3
  lsr   x4, x4, #26
  cmp   x4, #EC_SMC64
  b.ne  not_a_call
  mrs   x4, spsr_el3
  and   x4, x4, #0xf
  cmp   x4, #(SPSR_EL2H_MASKED & 0xf)
  b.ne  unknown                   // EL2 is the only caller
  bl    look_up
  cbz   w6, unknown
  tbnz  w0, #30, 1f
  mov   w1, w1                    // the arguments have 32 bits
  mov   w2, w2
  mov   w3, w3
1:br    x6

// w0: the identifier of a call. w6: where it is handled, 0 if it does not exist. Changes x4 and x5.
look_up:
  adr   x4, calls
1:ldp   w5, w6, [x4], #8
  cbz   w6, 2f
  cmp   w5, w0
  b.ne  1b
2:ret

.balign 8
calls:                            // the ROM is linked at 0, where it runs
  call_table

psci_version:                     // 1.1, as it is for SMCCC
  answer 0x10001
migrate_info_type:                // nothing would need migration
  answer 2
features:
  mov   w0, w1
  bl    look_up
  cmp   w6, #0
  csetm x0, eq
  b     done
cpu_suspend:                      // every state is a standby state, but one of powering down
  tbnz  w1, #16, invalid
  wfi
  answer SUCCESS
affinity_info:                    // of a CPU; there is nothing above
  cbnz  w2, invalid
  bl    find
  cbz   x0, invalid
  ldr   w0, [x4, #ROM_MAILBOX_STATE]
  eor   w0, w0, #1
  b     done
cpu_on:
  bl    find
  cbz   x0, invalid
  add   x4, x4, #ROM_MAILBOX_STATE
1:ldaxr w5, [x4]                  // QEMU has exclusives with the MMU off as well
  cbnz  w5, 2f
  mov   w5, #ROM_CPU_PENDING
  stlxr w6, w5, [x4]
  cbnz  w6, 1b
  stp   x2, x3, [x4, #(ROM_MAILBOX_ENTRY - ROM_MAILBOX_STATE)]
  dsb   sy
  add   x0, x0, #GICR_SGI_FRAME
  mov   w5, #(1 << ROM_WAKE_SGI)
  str   w5, [x0, #GICD_ISPENDR]
  answer SUCCESS
2:mov   x0, #ALREADY_ON
  sub   x0, x0, x5, lsr #1        // ON_PENDING is one less
  b     done
cpu_off:
  add   sp, sp, #32
  str   wzr, [sp, #ROM_MAILBOX_STATE]
  b     park
system_off:
  mov   w1, #VIRT_PIN_OFF
  b     1f
system_reset:
  mov   w1, #VIRT_PIN_RESTART
1:ldr   x0, =VIRT_SECURE_GPIO
  str   w1, [x0, #PL061_GPIODIR]
  str   w1, [x0, w1, uxtw #2]     // GPIODATA, masked by the address
2:wfi
  b     2b
invalid:
  answer INVALID_PARAMETERS
unknown:
  mov   x0, #NOT_SUPPORTED
done:
  ldp   x6, x30, [sp, #16]
  ldp   x4, x5, [sp], #32
  eret
  dsb   nsh                       // no speculation past ERET
  isb

// Any other exception is the end: one line on the early console, then off. x0: the number of the vector.
not_a_call:
  mov   x0, #8
crash:
  mrs   x1, esr_el3
  mrs   x2, elr_el3
  mrs   x3, far_el3
  ldr   x4, =EARLY_UART
  adr   x5, crash_text
  adr   x8, digits
1:ldrb  w6, [x5], #1
  cbz   w6, system_off
  cmp   w6, #'%'
  b.eq  2f
  str   w6, [x4]
  b     1b
2:mov   w7, #16                   // the next number, in hexadecimal
3:ror   x0, x0, #60
  and   x6, x0, #15
  ldrb  w6, [x8, x6]
  str   w6, [x4]
  subs  w7, w7, #1
  b.ne  3b
  mov   x0, x1
  mov   x1, x2
  mov   x2, x3
  b     1b
digits:
  .ascii "0123456789abcdef"
crash_text:
  .asciz "\036\r\n<0>[    0.000000] halted: crash an exception at EL3: vector %, ESR %, ELR %, FAR %\r\n"
.ltorg

.balign 16
image:
  .incbin "build/hyper-lite.Image"
.balign 16
image_end:
