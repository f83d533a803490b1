// Instructions of the guest's 32-bit EL0 that trap: some CPUs trap one whose condition fails, and it must then be passed over (Arm ARM G1.16.2); going on
// behind an instruction moves the IT state of a Thumb block (F1.2.3).

import assert from "node:assert/strict";
import { test } from "node:test";
import { ec, Guest } from "../../../sim/guest.ts";
import { start } from "../../../sim/start.ts";

const PC = 0x8000n;
const CV = 1n << 24n;
const CP15 = 0x03;
const T = 0x20n;
const AARCH32 = 0x10n;

/** ConditionHolds (F1.2.2): condition 0 to 15, flags N Z C V as a number. */
const holds = (condition: number, flags: number): boolean => {
  const [n, z, c, v] = [8, 4, 2, 1].map((flag) => (flags & flag) !== 0);
  const result = [z, c, n, v, c && !z, n === v, n === v && !z, true][condition >> 1] === true;
  return (condition & 1) === 1 && condition !== 15 ? !result : result;
};

const guest = start();
guest.setSysreg("VBAR_EL1", 0x4010_0000n);

/** Traps an instruction; true if it was passed over, by `bytes`. */
const isSkipped = (iss: bigint, pstate: bigint, bytes: bigint, exceptionClass = CP15): boolean => {
  guest.pc = PC;
  guest.pstate = pstate | AARCH32;
  guest.sync((BigInt(exceptionClass) << 26n) | (bytes === 4n ? 1n << 25n : 0n) | iss);
  if (guest.pc === PC + bytes) return true;
  assert.equal(guest.pc, 0x4010_0600n);
  assert.equal(guest.sysreg("ELR_EL1"), PC);
  return false;
};

for (let condition = 0; condition < 16; condition++) {
  test(`condition ${condition}: UNDEFINED if it holds, passed over if it fails`, () => {
    for (let flags = 0; flags < 16; flags++) {
      const skipped = isSkipped(CV | (BigInt(condition) << 20n), BigInt(flags) << 28n, 4n);
      assert.equal(skipped, !holds(condition, flags), `flags ${flags}`);
    }
  });
}

/** IT[7:0] as SPSR has it. */
const it = (state: number): bigint => (BigInt(state >> 2) << 10n) | (BigInt(state & 3) << 25n);

test("without a condition in the syndrome, a Thumb block's state has it", () => {
  for (let condition = 0; condition < 15; condition++) {
    for (let flags = 0; flags < 16; flags++) {
      const skipped = isSkipped(0n, T | it((condition << 4) | 8) | (BigInt(flags) << 28n), 4n);
      assert.equal(skipped, !holds(condition, flags), `condition ${condition}, flags ${flags}`);
    }
  }
});

test("without a block, and in A32, the instruction is unconditional", () => {
  assert.equal(isSkipped(0n, T, 4n), false);
  assert.equal(isSkipped(0n, it(0x18), 4n), false);
});

test("a 16-bit instruction is two bytes long", () => {
  assert.equal(isSkipped(CV, T, 2n), true);
});

test("what is passed over moves the block on (ITAdvance)", () => {
  for (let state = 0; state < 256; state++) {
    if ((state & 0xf) === 0 && state !== 0) continue;
    // EQ fails with Z clear; the state is taken from the syndrome's condition here.
    assert.equal(isSkipped(CV, T | it(state), 4n), true);
    const next = (state & 7) === 0 ? 0 : (state & 0xe0) | ((state << 1) & 0x1f);
    assert.equal(guest.pstate, T | AARCH32 | it(next), `state ${state.toString(2)}`);
  }
});

test("every 32-bit coprocessor class is treated so", () => {
  for (const exceptionClass of [0x03, 0x04, 0x05, 0x06, 0x08, 0x0c]) {
    assert.equal(isSkipped(CV, 0n, 4n, exceptionClass), true);
    assert.equal(isSkipped(CV | (0xen << 20n), 0n, 4n, exceptionClass), false);
  }
});

test("a device that a 32-bit program reads goes on behind the instruction", () => {
  guest.pc = PC;
  guest.pstate = AARCH32 | T | it(0x08);
  guest.sync((BigInt(ec.DATA) << 26n) | (1n << 24n) | (2n << 22n) | 7n, { far: 0x0900_0018n, hpfar: Guest.hpfar(0x0900_0000) });
  assert.equal(guest.pc, PC + 2n);
  assert.equal(guest.pstate, AARCH32 | T);
});
