// In the image's place behind the EL3 code: runs at EL2 with the MMU off, makes every PSCI call to the monitor and prints what it answers.
// The test (el3-psci.test.ts) knows the answers. Built with -mstrict-align, linked where the ROM puts the image.

typedef unsigned long u64;

#define UART (*(volatile unsigned *)0x09000000)
// What the two CPUs tell each other: the second one is on; it may go off.
#define ON (*(volatile u64 *)0x40400000)
#define MAY_GO (*(volatile u64 *)0x40400008)
// RAM outlives a reset, and is zero at first.
#define RESETS (*(volatile u64 *)0x40400010)

static void text(const char *s) {
  while (*s) UART = (unsigned char)*s++;
}

static void show(const char *name, u64 value) {
  text(name);
  text(" ");
  for (int shift = 60; shift >= 0; shift -= 4) UART = "0123456789abcdef"[value >> shift & 15];
  text("\n");
}

static u64 smc(u64 id, u64 a, u64 b, u64 c) {
  register u64 x0 __asm__("x0") = id, x1 __asm__("x1") = a, x2 __asm__("x2") = b, x3 __asm__("x3") = c;
  __asm__ volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory");
  return x0;
}

// Fills x4 to x30 with their own numbers around an SMC; the number of those that changed. In assembler, for the compiler keeps some of them.
u64 changed(u64 id);
__asm__(
    "changed:\n"
    "  stp x29, x30, [sp, #-96]!\n  stp x19, x20, [sp, #16]\n  stp x21, x22, [sp, #32]\n  stp x23, x24, [sp, #48]\n"
    "  stp x25, x26, [sp, #64]\n  stp x27, x28, [sp, #80]\n"
    ".irp n,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30\n  mov x\\n, #\\n\n.endr\n"
    "  smc #0\n  mov x0, xzr\n"
    ".irp n,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30\n"
    "  cmp x\\n, #\\n\n  cinc x0, x0, ne\n.endr\n"
    "  ldp x19, x20, [sp, #16]\n  ldp x21, x22, [sp, #32]\n  ldp x23, x24, [sp, #48]\n  ldp x25, x26, [sp, #64]\n"
    "  ldp x27, x28, [sp, #80]\n  ldp x29, x30, [sp], #96\n  ret\n");

#define SYSREG(name) ({ u64 value_; __asm__ volatile("mrs %0, " name : "=r"(value_)); value_; })

// The second CPU, on its own stack: says who it is, and goes off again.
extern char second_entry[];
void second(u64 context) {
  show("second CPU", SYSREG("mpidr_el1") & 0xffffff);
  show("its context", context);
  show("its level and masks", SYSREG("currentel") | SYSREG("daif"));
  show("its SCTLR", SYSREG("sctlr_el2"));
  ON = 1;
  while (!MAY_GO) __asm__ volatile("yield");
  smc(0x84000002, 0, 0, 0);
  text("CPU_OFF came back\n");
}

static void on_and_off(u64 id, u64 context) {
  ON = MAY_GO = 0;
  u64 answer = smc(id, 1, (u64)second_entry, context);
  while (!ON) __asm__ volatile("yield");
  show("CPU_ON", answer);
  show("CPU_ON again", smc(id, 1, (u64)second_entry, context));
  show("AFFINITY_INFO", smc(0xc4000004, 1, 0, 0));
  MAY_GO = 1;
  while (smc(0xc4000004, 1, 0, 0) == 0) __asm__ volatile("yield");
  show("AFFINITY_INFO behind CPU_OFF", smc(0xc4000004, 1, 0, 0));
}

void first(u64 tree, u64 flags) {
  if (RESETS++ == 1) {
    show("behind SYSTEM_RESET, AFFINITY_INFO of the second", smc(0xc4000004, 1, 0, 0));
    smc(0x84000008, 0, 0, 0);
    text("SYSTEM_OFF came back\n");
  }
  show("tree", *(volatile unsigned *)tree);
  show("flags", flags);
  show("level and masks", SYSREG("currentel") | SYSREG("daif"));
  show("frequency", SYSREG("cntfrq_el0"));
  show("PSCI_VERSION", smc(0x84000000, 0, 0, 0));
  show("SMCCC_VERSION", smc(0x80000000, 0, 0, 0));
  show("MIGRATE_INFO_TYPE", smc(0x84000006, 0, 0, 0));
  show("FEATURES of CPU_ON", smc(0x8400000a, 0xc4000003, 0, 0));
  show("FEATURES of nothing", smc(0x8400000a, 0x84000099, 0, 0));
  show("an unknown call", smc(0xc2000000, 0, 0, 0));
  show("registers changed", changed(0x84000000));
  show("registers changed", changed(0x12345678));
  show("CPU_SUSPEND to power-down", smc(0xc4000001, 1 << 16, 0, 0));
  show("AFFINITY_INFO of itself", smc(0xc4000004, 0, 0, 0));
  show("AFFINITY_INFO of the second", smc(0x84000004, 1, 0, 0));
  show("AFFINITY_INFO of a cluster", smc(0x84000004, 0, 1, 0));
  show("AFFINITY_INFO of nobody", smc(0xc4000004, 7, 0, 0));
  show("CPU_ON of nobody", smc(0xc4000003, 0x100, 0, 0));
  show("CPU_ON of no MPIDR", smc(0xc4000003, 0x80000001, 0, 0));
  show("CPU_ON of itself", smc(0xc4000003, 0, 0, 0));
  on_and_off(0xc4000003, 0x123456789abcdef0);
  on_and_off(0x84000003, 0x123456789abcdef0);
  ON = MAY_GO = 0;
  smc(0xc4000003, 1, (u64)second_entry, 0);
  while (!ON) __asm__ volatile("yield");
  smc(0x84000009, 0, 0, 0);
  text("SYSTEM_RESET came back\n");
}

__asm__(
    ".section .head,\"ax\"\n"
    "  b .\n"
    "  mov x2, #0x40500000\n  mov sp, x2\n  b first\n"
    ".global second_entry\n"
    "second_entry:\n"
    "  mov x2, #0x40600000\n  mov sp, x2\n  b second\n");
