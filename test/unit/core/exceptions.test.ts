// From the class of a syndrome to what the guest gets (Arm ARM D24.2.40), and how an exception is taken to its EL1 (D1.3.1, D1.3.2).

import assert from "node:assert/strict";
import { test } from "node:test";
import { hcr } from "../../../abi/sysregs.ts";
import { cortexA57, max } from "../../../sim/cpu-model.ts";
import { PowerOff } from "../../../sim/faults.ts";
import { ec, type Guest } from "../../../sim/guest.ts";
import { outputOf, start } from "../../../sim/start.ts";

const PC = 0x4008_0000n;
const VECTORS = 0x4010_0000n;
const UNDEFINED = 1n << 25n;

const at = (cpu = cortexA57): Guest => {
  const guest = start({ machine: { cpu } });
  guest.pc = PC;
  guest.setSysreg("VBAR_EL1", VECTORS);
  guest.setSysreg("SCTLR_EL1", 0x30d0_0800n);
  return guest;
};

const assertUndefined = (guest: Guest, pc = PC): void => {
  assert.equal(guest.sysreg("ESR_EL1"), UNDEFINED);
  assert.equal(guest.sysreg("ELR_EL1"), pc);
  assert.equal(guest.pc, VECTORS + 0x200n);
};

/** Classes that mean something else than UNDEFINED. */
const handled = new Set([ec.WFX, ec.FP, ec.HVC, ec.SMC, ec.SYSREG, ec.DATA, ec.FETCH]);

for (let exceptionClass = 0; exceptionClass < 64; exceptionClass++) {
  if (handled.has(exceptionClass)) continue;
  test(`class 0x${exceptionClass.toString(16)} is UNDEFINED, whatever its syndrome`, () => {
    for (const iss of [0n, 0x1ef_ffffn, 0x0e0_0000n]) {
      const guest = at();
      guest.exception(exceptionClass, iss);
      assertUndefined(guest);
    }
  });
}

test("bits 63 to 32 of a syndrome make no difference", () => {
  const guest = at();
  guest.setX(0, 0x8400_0000n);
  guest.sync((0xffff_ffffn << 32n) | (BigInt(ec.HVC) << 26n) | (1n << 25n));
  assert.equal(guest.x(0), 0x1_0001n);
});

test("HVC #0 is a call: the PC is behind it already", () => {
  const guest = at();
  assert.equal(guest.hvc(0x8400_0000n), 0x1_0001n);
  assert.equal(guest.pc, PC + 4n);
});

test("SMC #0 is the same call, and is stepped over", () => {
  const guest = at();
  const before = guest.machine.firmware.calls.length;
  assert.equal(guest.smc(0x8400_0000n), 0x1_0001n);
  assert.equal(guest.pc, PC + 4n);
  assert.equal(guest.machine.firmware.calls.length, before, "the firmware never hears of it");
});

test("HVC with another immediate is UNDEFINED at the instruction, and no call", () => {
  const guest = at();
  guest.setX(0, 0x8400_0008n);
  for (const immediate of [1n, 0x8000n, 0xffffn]) {
    guest.pc = PC + 4n;
    guest.exception(ec.HVC, immediate);
    assertUndefined(guest);
  }
});

test("SMC with another immediate is UNDEFINED at the instruction, and no call", () => {
  const guest = at();
  guest.setX(0, 0x8400_0008n);
  for (const immediate of [1n, 0x8000n, 0xffffn]) {
    guest.pc = PC;
    guest.exception(ec.SMC, immediate);
    assertUndefined(guest);
  }
});

// --- taking an exception to EL1

const NZCV = 0xf000_0000n;
const DIT = 1n << 24n;
const UAO = 1n << 23n;
const PAN = 1n << 22n;
const SS = 1n << 21n;
const IL = 1n << 20n;
const SSBS = 1n << 12n;
const BTYPE = 3n << 10n;
const DAIF = 0x3c0n;
const EL1H = 5n;

const origins: Record<string, [bigint, bigint]> = {
  "EL1 with SP_EL0": [0x4n, 0x000n],
  "EL1 with SP_EL1": [0x5n, 0x200n],
  EL0: [0x0n, 0x400n],
  "AArch32 EL0": [0x10n, 0x600n],
  "AArch32 EL0 in Thumb": [0x30n, 0x600n],
};

for (const [name, [pstate, vector]] of Object.entries(origins)) {
  test(`an exception from ${name} goes to offset 0x${vector.toString(16)}, with the old state saved`, () => {
    const guest = at();
    guest.pstate = pstate | NZCV;
    guest.exception(0, 0n);
    assert.equal(guest.pc, VECTORS + vector);
    assert.equal(guest.sysreg("ELR_EL1"), PC);
    assert.equal(guest.sysreg("SPSR_EL1"), pstate | NZCV);
    assert.equal(guest.pstate, NZCV | DAIF | EL1H);
  });
}

test("flags and DIT stay, single step, IL, UAO and BTYPE go", () => {
  const guest = at(max);
  guest.setSysreg("SCTLR_EL1", 1n << 23n);
  guest.pstate = NZCV | DIT | UAO | SS | IL | BTYPE | EL1H;
  guest.exception(0, 0n);
  assert.equal(guest.pstate, NZCV | DIT | DAIF | EL1H);
});

test("PAN is set unless SCTLR_EL1.SPAN, and never lost; a CPU without it gets none", () => {
  const SPAN = 1n << 23n;
  for (const [cpu, sctlr, before, after] of [
    [max, 0n, 0n, PAN],
    [max, SPAN, 0n, 0n],
    [max, SPAN, PAN, PAN],
    [cortexA57, 0n, 0n, 0n],
  ] as const) {
    const guest = at(cpu);
    guest.setSysreg("SCTLR_EL1", sctlr);
    guest.pstate = before | EL1H;
    guest.exception(0, 0n);
    assert.equal(guest.pstate & PAN, after);
  }
});

test("SSBS comes from SCTLR_EL1.DSSBS; a CPU without it gets none", () => {
  const DSSBS = 1n << 44n;
  for (const [cpu, sctlr, before, after] of [
    [max, DSSBS, 0n, SSBS],
    [max, 0n, SSBS, 0n],
    [cortexA57, DSSBS, 0n, 0n],
  ] as const) {
    const guest = at(cpu);
    guest.setSysreg("SCTLR_EL1", sctlr);
    guest.pstate = before | EL1H;
    guest.exception(0, 0n);
    assert.equal(guest.pstate & SSBS, after);
  }
});

test("from AArch32: DIT is its bit 21, and an IT block's state is no state of AArch64", () => {
  const guest = at(max);
  guest.setSysreg("SCTLR_EL1", 1n << 23n);
  guest.pstate = (1n << 21n) | (3n << 25n) | (0x3fn << 10n) | 0x30n;
  guest.exception(0, 0n);
  assert.equal(guest.pstate, DIT | DAIF | EL1H);
});

test("a guest whose own vector cannot be fetched is stopped, instead of faulting for ever", () => {
  const { output, thrown } = outputOf({}, (guest) => {
    guest.setSysreg("VBAR_EL1", 0x1000n);
    for (let n = 0; n < 10; n++) guest.fetch(Number(guest.pc));
    guest.fetch(0x3000_0000);
    for (let n = 0; n < 10; n++) guest.fetch(Number(guest.pc));
  });
  assert.ok(thrown instanceof PowerOff);
  assert.match(output, /<0>\[.*\] halted: crash guest: its exception vector at 0x1200 cannot be fetched\r\n$/);
});

test("an SError while the guest runs becomes the guest's own, and no other's", () => {
  const guest = at();
  guest.serror(0x123n);
  assert.notEqual(guest.sysreg("HCR_EL2") & hcr.HCR_VSE, 0n);
  assert.equal(guest.pc, PC);
  assert.match(guest.machine.uart.output, /<4>\[.*\] cpu0 vm0 traps: an SError \(syndrome 0xbe000123, pc 0x40080000\)\r\n$/);
});

test("the first use of a vector register opens them, with the vCPU's own values; the PC stays", () => {
  const guest = at();
  assert.equal(guest.machine.isFpOpen, false);
  guest.useFp();
  assert.equal(guest.machine.isFpOpen, true);
  assert.equal(guest.pc, PC);
  assert.deepEqual(new Set(guest.machine.vectors), new Set([0n]));
});

test("what a guest does wrong is a warning at most", () => {
  const guest = at();
  guest.exception(0x3f, 0n);
  assert.match(
    guest.machine.uart.output,
    /<4>\[.*\] cpu0 vm0 traps: an exception that was not given to it \(syndrome 0xfe000000, pc 0x40080000\)\r\n$/,
  );
});
