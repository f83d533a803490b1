// The sixteen vectors of EL2 (Arm ARM D1.3.1.5), the way into a guest, and what is done when EL2 itself faults.
//
// While a guest runs, SP is the end of this CPU's empty stack, where the CPU block lies: its first word is the address of the vCPU's
// record. The low half of that address is the record's address in the core's memory.

#include "abi.h"
#include "registers.S"

.macro vector name
  .balign 0x80
  b     \name
.endm

// Saves what the guest has in general registers, ELR and SPSR into the record; x0 = the record's address for TypeScript.
.macro save_guest
  msr   tpidr_el2, x0
  ldr   x0, [sp, #CPU_BLOCK_VCPU]
  general_registers stp, x0
  mrs   x2, tpidr_el2
  mrs   x3, elr_el2
  mrs   x4, spsr_el2
  stp   x2, x1, [x0]
  stp   x30, x3, [x0, #240]
  str   x4, [x0, #VCPU_FRAME_SPSR]
  mov   x29, xzr
.endm

// x0 = where the core's instance is: INSTANCE_SIZE before the window, whose low 32 bits are zero.
.macro instance
  movn  w0, #(INSTANCE_SIZE - 1)
  movk  x0, #(((WINDOW >> 32) - 1) & 0xffff), lsl #32
.endm

.section .text.vectors, "ax"
.balign 2048
.global vectors
vectors:
  .set  number, 0
  .rept 8                         // from EL2: with SP_EL0, which is never in use, then with its own stack. A bug of ours
  .balign 0x80
  msr   tpidr_el2, x0
  mov   x0, #number
  b     crash
  .set  number, number + 1
  .endr
  .rept 2                         // from a guest in AArch64, then from its EL0 in AArch32
  vector guest_sync
  vector guest_irq
  vector guest_fiq
  vector guest_serror
  .endr

guest_sync:
  save_guest
  mov   w1, w0
  mrs   x2, esr_el2
  instance
  bl    hl_sync

// x0: the record of the vCPU to run, as TypeScript knows it; 0: there is none. The stack is empty here.
.global enter_vcpu
enter_vcpu:
  cbz   w0, idle
  movz  x1, #((WINDOW >> 32) & 0xffff), lsl #32
  add   x0, x1, w0, uxtw
  str   x0, [sp, #CPU_BLOCK_VCPU]
  ldp   x30, x3, [x0, #240]
  ldr   x4, [x0, #VCPU_FRAME_SPSR]
  tbnz  x4, #3, refuse_spsr       // EL2, EL3, or a mode that a guest cannot be in
  msr   elr_el2, x3
  msr   spsr_el2, x4
  general_registers ldp, x0
  ldp   x0, x1, [x0]
  eret
  dsb   nsh                       // no speculation past ERET
  isb

refuse_spsr:
  brk   #0x220

// Nothing to run: interrupts stay masked, one that is pending ends the wait all the same.
idle:
  dsb   sy
  wfi
  bl    hl_idle
  b     enter_vcpu

guest_irq:
  save_guest
  mov   w1, w0
  instance
  bl    hl_irq
  b     enter_vcpu

// Nothing is in group 0 or routed as FIQ: one that comes all the same is a bug of ours or of the firmware's.
guest_fiq:
  msr   tpidr_el2, x0
  mov   x0, #10
  b     crash

guest_serror:
  save_guest
  mrs   x1, esr_el2
  bl    hl_serror
  b     enter_vcpu

// x0: the number of the vector, its old value in TPIDR_EL2. The first CPU that comes here saves all into crash_frame and goes to TypeScript on its
// emergency stack; another one stops. A crash in the report is the second of one CPU: nothing but its last words are tried.
crash:
  msr   spsel, #1
  msr   cntvoff_el2, x1           // three more scratch registers that nothing needs again
  msr   cnthp_cval_el2, x2
  msr   cntv_cval_el0, x3
  mov   x3, sp                    // the CPU, by the area that SP points into; CPU 0, if it does not
  movz  x1, #((CPU_AREAS >> 32) & 0xffff), lsl #32
  movk  x1, #((CPU_AREAS >> 16) & 0xffff), lsl #16
  sub   x3, x3, x1
  lsr   x3, x3, #CPU_AREA_SHIFT
  cmp   x3, #MAX_CPUS
  csel  x3, x3, xzr, lo
  add   x3, x3, #1
  adrp  x1, crashed_cpu
  add   x1, x1, :lo12:crashed_cpu
1:ldaxr w2, [x1]
  cbnz  w2, crashed_before
  stlxr w2, w3, [x1]
  cbnz  w2, 1b

  adrp  x1, crash_frame
  add   x1, x1, :lo12:crash_frame
  mrs   x2, cnthp_cval_el2
  mrs   x3, cntv_cval_el0
  general_registers stp, x1
  mrs   x2, tpidr_el2
  mrs   x3, cntvoff_el2
  stp   x2, x3, [x1]
  mov   x2, sp
  mrs   x3, elr_el2
  mrs   x4, spsr_el2
  mrs   x5, esr_el2
  mrs   x6, far_el2
  mrs   x7, hpfar_el2
  stp   x30, x2, [x1, #240]
  stp   x3, x4, [x1, #256]
  stp   x5, x6, [x1, #272]
  str   x7, [x1, #288]
  adrp  x2, crashed_cpu
  ldr   w2, [x2, :lo12:crashed_cpu]
  sub   x2, x2, #1
  movz  x3, #((CPU_AREAS >> 32) & 0xffff), lsl #32
  movk  x3, #((CPU_AREAS >> 16) & 0xffff), lsl #16
  add   x3, x3, x2, lsl #CPU_AREA_SHIFT
  add   x3, x3, #EMERGENCY_END
  mov   sp, x3
  mov   x29, xzr
  bl    hl_crash
1:wfi
  yield
  b     1b

// w2: the CPU that has crashed, plus one; w3: this one. The report of a crash crashed itself, or even what follows did, or another CPU reports.
crashed_before:
  cmp   w2, w3
  b.ne  3f
  mov   w2, #0xff
  str   w2, [x1]
  movz  x0, #((DEVICE_MAP >> 32) & 0xffff), lsl #32
  movk  x0, #(EARLY_UART >> 16), lsl #16
  adr   x1, last_words_text
1:ldrb  w2, [x1], #1
  cbz   w2, 2f
  str   w2, [x0]
  b     1b
2:movz  x0, #0x8400, lsl #16      // PSCI_SYSTEM_OFF
  movk  x0, #0x0008
  smc   #0
3:wfi
  yield
  b     3b
last_words_text:
  .asciz "\036\r\n<0>[    0.000000] halted: crash while reporting a crash\r\n"
.balign 4

// x0: 32 vector registers, FPCR, FPSR.
.arch_extension fp
.arch_extension simd
.global fp_load
fp_load:
  vector_registers ldp, x0
  add   x0, x0, #512
  ldp   x1, x2, [x0]
  msr   fpcr, x1
  msr   fpsr, x2
  ret

.global fp_save
fp_save:
  vector_registers stp, x0
  add   x0, x0, #512
  mrs   x1, fpcr
  mrs   x2, fpsr
  stp   x1, x2, [x0]
  ret

// The CPU that has crashed, plus one.
.section .bss
.balign 8
.global crashed_cpu
crashed_cpu:
  .skip 8
