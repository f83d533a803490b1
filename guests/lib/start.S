// The first instruction of a guest, and the vectors of its EL1 (Arm ARM D1.3.1.5). Entered as Linux is: x0 = device tree, MMU off.

#include "abi.h"
#include "stack.h"

// What was left in the registers but x0, or-ed into x1; x2 is free then.
.macro gather_leftovers
  .irp n, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
  orr   x1, x1, x\n
  .endr
  mov   x2, sp
  orr   x1, x1, x2
  mrs   x2, vbar_el1
  orr   x1, x1, x2
.endm

// The stack of the CPU whose number is in x3, and the vectors.
.macro take_place
  adrp  x2, stack_end
  lsl   x3, x3, #GUEST_STACK_SHIFT
  sub   x2, x2, x3
  mov   sp, x2
  adrp  x2, vectors
  add   x2, x2, :lo12:vectors
  msr   vbar_el1, x2
  isb
  mov   x29, xzr
.endm

.section .head, "ax"
.global start
start:
  gather_leftovers
  mov   x3, #0
  take_place
  adrp  x2, bss_start
  adrp  x3, bss_end
1:stp   xzr, xzr, [x2], #16
  cmp   x2, x3
  b.lo  1b
  adrp  x2, start_values
  add   x2, x2, :lo12:start_values
  stp   x0, x1, [x2]
  bl    guest_main
  ldr   w0, =PSCI_SYSTEM_OFF
  hvc   #0
  b     .

// A further CPU, as CPU_ON starts it: x0 = context.
.global start_secondary
start_secondary:
  gather_leftovers
  mrs   x3, mpidr_el1
  and   x3, x3, #MAX_VCPUS - 1
  take_place
  bl    guest_secondary
  ldr   w0, =PSCI_CPU_OFF
  hvc   #0
  b     .

.macro vector kind
  .balign 0x80
  sub   sp, sp, #272
  stp   x0, x1, [sp]
  mov   x0, #\kind
  b     exception
.endm

.section .text.vectors, "ax"
.balign 2048
vectors:
  .irp kind, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
  vector \kind
  .endr

// Calls guest_exception(kind, esr, far, elr, frame), goes on at the address that it returns.
exception:
  stp   x2, x3, [sp, #16]
  stp   x4, x5, [sp, #32]
  stp   x6, x7, [sp, #48]
  stp   x8, x9, [sp, #64]
  stp   x10, x11, [sp, #80]
  stp   x12, x13, [sp, #96]
  stp   x14, x15, [sp, #112]
  stp   x16, x17, [sp, #128]
  stp   x18, x19, [sp, #144]
  stp   x20, x21, [sp, #160]
  stp   x22, x23, [sp, #176]
  stp   x24, x25, [sp, #192]
  stp   x26, x27, [sp, #208]
  stp   x28, x29, [sp, #224]
  mrs   x1, spsr_el1
  stp   x30, x1, [sp, #240]
  mrs   x1, esr_el1
  mrs   x2, far_el1
  mrs   x3, elr_el1
  mov   x4, sp
  bl    guest_exception
  msr   elr_el1, x0
  ldp   x30, x1, [sp, #240]
  msr   spsr_el1, x1
  ldp   x28, x29, [sp, #224]
  ldp   x26, x27, [sp, #208]
  ldp   x24, x25, [sp, #192]
  ldp   x22, x23, [sp, #176]
  ldp   x20, x21, [sp, #160]
  ldp   x18, x19, [sp, #144]
  ldp   x16, x17, [sp, #128]
  ldp   x14, x15, [sp, #112]
  ldp   x12, x13, [sp, #96]
  ldp   x10, x11, [sp, #80]
  ldp   x8, x9, [sp, #64]
  ldp   x6, x7, [sp, #48]
  ldp   x4, x5, [sp, #32]
  ldp   x2, x3, [sp, #16]
  ldp   x0, x1, [sp], #272
  eret

// Places for one instruction of the program's choice (hal/instruction.ts), on lines of their own: for EL1, and for EL0.
.balign 64
.global chosen, chosen_el0
chosen:
  nop
  ret
.balign 64
chosen_el0:
  nop
  svc   #0
.balign 64

// Enters EL0 at x4 with x0 to x3 as they are, interrupts masked; the exception that ends that goes on at `back_from_el0`, with the registers that EL0
// had.
.global enter_el0, back_from_el0
enter_el0:
  mov   x5, #0x3c0
  msr   spsr_el1, x5
  msr   elr_el1, x4
  eret
back_from_el0:
  ret

.arch_extension fp
.arch_extension simd
// x0 = all vector registers, FPCR and FPSR, or-ed.
.global vector_leftovers
vector_leftovers:
  mrs   x0, fpcr
  mrs   x1, fpsr
  orr   x0, x0, x1
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
  mov   x1, v\n\().d[0]
  mov   x2, v\n\().d[1]
  orr   x0, x0, x1
  orr   x0, x0, x2
  .endr
  ret
// Both halves of V<n> = x0 + n.
.global fill_vectors
fill_vectors:
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
  dup   v\n\().2d, x0
  add   x0, x0, #1
  .endr
  ret
// x0 = what differs from that, or-ed.
.global vector_differences
vector_differences:
  mov   x3, #0
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
  mov   x1, v\n\().d[0]
  mov   x2, v\n\().d[1]
  eor   x1, x1, x0
  eor   x2, x2, x0
  orr   x3, x3, x1
  orr   x3, x3, x2
  add   x0, x0, #1
  .endr
  mov   x0, x3
  ret

.section .bss.start, "aw", %nobits
.balign 16
.global start_values
start_values:
  .skip 16
