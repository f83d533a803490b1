// Trapped system registers: what the ID registers show, what reads as zero, what is UNDEFINED (Arm ARM D24.2.40, ISS encoding for MSR and MRS).

import assert from "node:assert/strict";
import { test } from "node:test";
import { idRegisters } from "../../../abi/sysregs.ts";
import { type CpuModel, cortexA57, future, max } from "../../../sim/cpu-model.ts";
import type { Guest } from "../../../sim/guest.ts";
import { start } from "../../../sim/start.ts";
import { shown } from "./log-lines.ts";

const VECTORS = 0x4010_0000n;
const PC = 0x4008_0000n;

const at = (cpu: CpuModel = cortexA57): Guest => {
  const guest = start({ machine: { cpu } });
  guest.setSysreg("VBAR_EL1", VECTORS);
  guest.pc = PC;
  return guest;
};

const isUndefined = (guest: Guest, encoding: readonly number[], read: boolean): boolean => {
  guest.pc = PC;
  guest.pstate = 0x3c5n;
  guest.setX(3, 0x5555n);
  guest.systemRegister(encoding, 3, read);
  if (guest.pc === PC + 4n) return false;
  assert.equal(guest.pc, VECTORS + 0x200n);
  assert.equal(guest.sysreg("ESR_EL1"), 1n << 25n);
  assert.equal(guest.x(3), 0x5555n, "the register stays");
  return true;
};

const field = (value: bigint, shift: number): number => Number((value >> BigInt(shift)) & 15n);

for (const cpu of [cortexA57, max, future]) {
  test(`${cpu.name}: each field of an ID register is the lesser of what the CPU has and what is granted`, () => {
    const guest = at(cpu);
    for (const { name, crm, op2, limit } of idRegisters) {
      const value = guest.mrs([3, 0, 0, crm, op2], 5);
      for (let shift = 0; shift < 64; shift += 4) {
        const expected = Math.min(field(cpu.id[name] ?? 0n, shift), field(limit, shift));
        assert.equal(field(value, shift), expected, `${name} bits ${shift + 3}-${shift}`);
      }
    }
  });

  test(`${cpu.name}: unallocated ID registers read as zero, as Linux 6.12 expects`, () => {
    const guest = at(cpu);
    const known = new Set(idRegisters.map(({ crm, op2 }) => `${crm} ${op2}`));
    for (let crm = 1; crm < 8; crm++) {
      for (let op2 = 0; op2 < 8; op2++) {
        if (known.has(`${crm} ${op2}`)) continue;
        guest.setX(4, 0xffffn);
        assert.equal(guest.mrs([3, 0, 0, crm, op2], 4), 0n, `op2 ${op2}, CRm ${crm}`);
      }
    }
  });
}

/** Features that are UNDEFINED for a guest, by register, shift and the largest value of the field. */
const hidden: [string, number, number, string, number][] = [
  ["EL2", 4, 0, "ID_AA64PFR0_EL1", 8],
  ["EL3", 4, 0, "ID_AA64PFR0_EL1", 12],
  ["RAS", 4, 0, "ID_AA64PFR0_EL1", 28],
  ["SVE", 4, 0, "ID_AA64PFR0_EL1", 32],
  ["MPAM", 4, 0, "ID_AA64PFR0_EL1", 40],
  ["AMU", 4, 0, "ID_AA64PFR0_EL1", 44],
  ["MTE", 4, 1, "ID_AA64PFR1_EL1", 8],
  ["SME", 4, 1, "ID_AA64PFR1_EL1", 24],
  ["PMU", 5, 0, "ID_AA64DFR0_EL1", 8],
  ["trace", 5, 0, "ID_AA64DFR0_EL1", 4],
  ["SPE", 5, 0, "ID_AA64DFR0_EL1", 32],
  ["trace filter", 5, 0, "ID_AA64DFR0_EL1", 40],
  ["TME", 6, 0, "ID_AA64ISAR0_EL1", 24],
  ["pointer authentication (APA)", 6, 1, "ID_AA64ISAR1_EL1", 4],
  ["pointer authentication (API)", 6, 1, "ID_AA64ISAR1_EL1", 8],
  ["pointer authentication (GPA)", 6, 1, "ID_AA64ISAR1_EL1", 24],
  ["pointer authentication (GPI)", 6, 1, "ID_AA64ISAR1_EL1", 28],
  ["LS64", 6, 1, "ID_AA64ISAR1_EL1", 60],
  ["ECV", 7, 0, "ID_AA64MMFR0_EL1", 60],
  ["FGT", 7, 0, "ID_AA64MMFR0_EL1", 56],
  ["VHE", 7, 1, "ID_AA64MMFR1_EL1", 8],
  ["LORegions", 7, 1, "ID_AA64MMFR1_EL1", 16],
  ["nested virtualization", 7, 2, "ID_AA64MMFR2_EL1", 24],
];
test("what is not granted is not shown, on any CPU", () => {
  const guest = at(future);
  for (const [what, crm, op2, , shift] of hidden) assert.equal(field(guest.mrs([3, 0, 0, crm, op2]), shift), 0, what);
});

test("AArch64 alone at EL1, AArch32 at EL0 where the CPU has it, 40 bits of physical address at most", () => {
  const guest = at(max);
  assert.equal(guest.mrs([3, 0, 0, 4, 0]) & 0xffn, 0x12n);
  assert.equal(field(guest.mrs([3, 0, 0, 7, 0]), 0), 2);
});

test("ID registers are read-only", () => {
  const guest = at();
  for (const { crm, op2 } of idRegisters) assert.ok(isUndefined(guest, [3, 0, 0, crm, op2], false));
});

test("a read into XZR is dropped", () => {
  const guest = at();
  guest.systemRegister([3, 0, 0, 4, 0], 31, true);
  assert.equal(guest.pc, PC + 4n);
});

test("registers of what is hidden, and of nobody, are UNDEFINED both ways", () => {
  const guest = at(max);
  const unknown: Record<string, readonly number[]> = {
    PMCR_EL0: [3, 3, 9, 12, 0],
    PMCCNTR_EL0: [3, 3, 9, 13, 0],
    PMUSERENR_EL0: [3, 3, 9, 14, 0],
    PMINTENSET_EL1: [3, 0, 9, 14, 1],
    AMCR_EL0: [3, 3, 13, 2, 0],
    ZCR_EL1: [3, 0, 1, 2, 0],
    SMCR_EL1: [3, 0, 1, 2, 6],
    RGSR_EL1: [3, 0, 1, 0, 5],
    APIAKeyLo_EL1: [3, 0, 2, 1, 0],
    ERRIDR_EL1: [3, 0, 5, 3, 0],
    LORC_EL1: [3, 0, 10, 4, 3],
    TRFCR_EL1: [3, 0, 1, 2, 1],
    PMSCR_EL1: [3, 0, 9, 9, 0],
    "implementation-defined, CRn 11": [3, 0, 11, 0, 0],
    "implementation-defined, CRn 15": [3, 1, 15, 2, 0],
    "an op0 of 1": [1, 0, 15, 0, 0],
    HCR_EL2: [3, 4, 1, 1, 0],
    "a trace register": [2, 1, 0, 1, 0],
  };
  for (const [name, encoding] of Object.entries(unknown)) {
    assert.ok(isUndefined(guest, encoding, true), `MRS ${name}`);
    assert.ok(isUndefined(guest, encoding, false), `MSR ${name}`);
  }
});

test("an unknown register is told of, at warning", () => {
  const guest = at();
  guest.machine.uart.take();
  isUndefined(guest, [3, 3, 9, 12, 0], true);
  assert.match(
    shown(guest.machine.uart.output),
    /^<4>\[.*\] cpu0 vm0 traps: an unknown system register \(syndrome 0x[0-9a-f]+, pc 0x40080000\)\r\n$/,
  );
});

test("debug: two pairs of breakpoints and watchpoints take writes and read as zero, a third is UNDEFINED", () => {
  const guest = at();
  const field7 = field(guest.mrs([3, 0, 0, 5, 0]), 12);
  assert.equal(field7, 1, "ID_AA64DFR0_EL1.BRPs: two");
  // DBGBVR, DBGBCR, DBGWVR, DBGWCR: op2 4 to 7
  for (let op2 = 4; op2 < 8; op2++) {
    for (const n of [0, 1]) {
      assert.equal(isUndefined(guest, [2, 0, 0, n, op2], false), false);
      guest.pc = PC;
      assert.equal(guest.mrs([2, 0, 0, n, op2], 6), 0n);
    }
    for (const n of [2, 15]) assert.ok(isUndefined(guest, [2, 0, 0, n, op2], true));
  }
});

test("MDSCR_EL1 keeps what is written, the OS lock is open and stays so", () => {
  const guest = at();
  guest.msr([2, 0, 0, 2, 2], 0xffff_ffff_0000_9000n);
  assert.equal(guest.mrs([2, 0, 0, 2, 2], 8), 0x9000n);
  guest.msr([2, 0, 1, 0, 4], 1n);
  assert.equal(guest.mrs([2, 0, 1, 1, 4], 8), 8n);
});

test("ACTLR_EL1 reads as zero and ignores writes", () => {
  const guest = at();
  guest.msr([3, 0, 1, 0, 1], 0xffffn);
  assert.equal(guest.mrs([3, 0, 1, 0, 1], 8), 0n);
});

test("every register of the whole space: an answer or UNDEFINED, never the end of the run", () => {
  const guest = at(max);
  for (const op0 of [1, 2, 3]) {
    for (let rest = 0; rest < 2 ** 14; rest += 7) {
      const encoding = [op0, rest >> 11, (rest >> 7) & 15, (rest >> 3) & 15, rest & 7];
      isUndefined(guest, encoding, true);
      isUndefined(guest, encoding, false);
    }
  }
});

test("MSR from XZR writes zero", () => {
  const guest = at();
  guest.msr([2, 0, 0, 2, 2], 0x9000n);
  guest.systemRegister([2, 0, 0, 2, 2], 31, false);
  assert.equal(guest.mrs([2, 0, 0, 2, 2], 8), 0n);
});

test("what the guest's EL0 must not touch goes to the guest's own vector for a lower level", () => {
  const guest = at();
  guest.pstate = 0n;
  guest.systemRegister([3, 3, 9, 13, 0], 3, true);
  assert.equal(guest.pc, VECTORS + 0x400n);
  assert.equal(guest.sysreg("ESR_EL1"), 1n << 25n);
  assert.equal(guest.sysreg("SPSR_EL1"), 0n);
});
