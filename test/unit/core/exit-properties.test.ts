// Properties of every exit of a guest, whatever it does: it gets an answer or an exception of its own, no register changes but those that the exit names, and the VM
// beside it does not notice. For every class of exception, every call, every system register, every register of the virtual devices at every width.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { calls } from "../../../abi/calls.ts";
import { guest as guestMachine } from "../../../abi/guest.ts";
import { el1Context } from "../../../abi/sysregs.ts";
import { regions, registers } from "../../../fuzz/format.ts";
import { ec, type Guest } from "../../../sim/guest.ts";
import type { Machine } from "../../../sim/machine.ts";
import { startSystem } from "../../../sim/start.ts";
import { MIB } from "../../../tool/size.ts";
import { check } from "./property.ts";

const PC = 0x4008_0000n;
const VECTORS = 0x4010_0000n;
const EL1H = 0x3c5n;
const XZR = 31;
/** Where PC is: behind the instruction, at the handler of EL1h for a synchronous exception. */
const BEHIND = PC + 4n;
const HANDLER = VECTORS + 0x200n;

const anyWord = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const word = fc.oneof(fc.constantFrom(0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 63n, 2n ** 64n - 1n), anyWord);
const iss = fc.nat({ max: 0x1ff_ffff }).map(BigInt);
const rt = fc.nat({ max: XZR });

const generalOf = (guest: Guest): bigint[] => Array.from({ length: XZR }, (_, n) => guest.x(n));
const stateOf = (guest: Guest): bigint[] => [
  ...generalOf(guest),
  guest.pc,
  guest.pstate,
  ...el1Context.map((name) => guest.sysreg(name)),
];

/** A VM that does anything, and one beside it, each on a CPU of its own. */
class Pair {
  readonly machine: Machine = startSystem({
    cpus: 2,
    scrubAtBoot: false,
    vms: [
      { memory: 2 * MIB, affinity: [0] },
      { memory: 2 * MIB, affinity: [1] },
    ],
  });
  readonly #beside: bigint[];
  readonly #memory: Uint8Array;

  constructor() {
    this.machine.run.advance(62_500_000n);
    const { beside } = this;
    for (let n = 0; n < XZR; n++) beside.setX(n, BigInt(n) * 0x1111_1111n);
    this.#beside = stateOf(beside);
    this.#memory = beside.memory(guestMachine.RAM_BASE, 0x1_0000);
  }

  #running(vm: number): Guest {
    return this.machine.running(vm) ?? assert.fail(`VM ${vm} does not run`);
  }
  get beside(): Guest {
    return this.#running(1);
  }
  /** The first one, at a place and in a state that are known. */
  get guest(): Guest {
    const guest = this.#running(0);
    guest.pc = PC;
    guest.pstate = EL1H;
    guest.setSysreg("VBAR_EL1", VECTORS);
    for (let n = 0; n < XZR; n++) guest.setX(n, 0xa5a5_0000n + BigInt(n));
    return guest;
  }
  get isRunning(): boolean {
    return this.machine.running(0) !== undefined;
  }

  /** The VM beside has the registers and the memory that it had. */
  checkBeside(): void {
    assert.deepEqual(stateOf(this.beside), this.#beside);
    assert.deepEqual(this.beside.memory(guestMachine.RAM_BASE, 0x1_0000), this.#memory);
  }
}

/** No general register has changed but the named ones. */
const checkKept = (guest: Guest, before: readonly bigint[], named: readonly number[] = []): void => {
  for (const [n, value] of before.entries()) if (!named.includes(n)) assert.equal(guest.x(n), value, `x${n}`);
};

test("every class of exception with any syndrome: an answer, or an exception of the guest's own", () => {
  const pair = new Pair();
  for (let exceptionClass = 0; exceptionClass < 64; exceptionClass++) {
    // HVC and SMC are calls, WFI waits.
    if (exceptionClass === ec.HVC || exceptionClass === ec.SMC || exceptionClass === ec.WFX || exceptionClass === ec.FP) continue;
    check(
      fc.property(iss, word, (syndrome, far) => {
        const { guest } = pair;
        const before = generalOf(guest);
        guest.exception(exceptionClass, syndrome, { far, hpfar: ((far >> 12n) << 4n) & 0xff_ffff_fff0n });
        const srt = Number((syndrome >> 16n) & 31n);
        const sysregRt = Number((syndrome >> 5n) & 31n);
        const named = exceptionClass === ec.DATA ? [srt] : exceptionClass === ec.SYSREG ? [sysregRt] : [];
        checkKept(guest, before, guest.pc === HANDLER ? [] : named);
        assert.ok([BEHIND, PC + 2n, HANDLER].includes(guest.pc), `the PC is ${guest.pc.toString(16)}`);
        if (guest.pc === HANDLER) assert.equal(guest.sysreg("ELR_EL1"), PC);
      }),
      25,
    );
  }
  pair.checkBeside();
});

/** Calls after which the caller does not run on, if they are carried out. */
const leaving = /^PSCI_(CPU_SUSPEND|CPU_OFF|SYSTEM_OFF|SYSTEM_RESET)/;

test("every call with any arguments: x0 to x3 alone change, and the PC is behind it", () => {
  const pair = new Pair();
  for (const { name, id } of calls) {
    if (leaving.test(name)) continue;
    check(
      fc.property(word, word, word, fc.boolean(), (a, b, c, bySmc) => {
        const { guest } = pair;
        const args = [BigInt(id) | ((a & b) << 32n), a, b, c];
        for (const [n, value] of args.entries()) guest.setX(n, value);
        const before = generalOf(guest);
        if (bySmc) guest.smc(...args);
        else guest.hvc(...args);
        checkKept(guest, before, [0, 1, 2, 3]);
        assert.equal(guest.pc, BEHIND);
        assert.equal(guest.pstate, EL1H);
      }),
      20,
    );
  }
  pair.checkBeside();
});

test("a function that is none: NOT_SUPPORTED, and nothing else changes", () => {
  const pair = new Pair();
  const known = new Set(calls.map(({ id }) => id));
  const unknown = fc.nat({ max: 2 ** 32 - 1 }).filter((id) => !known.has(id));
  check(
    fc.property(unknown, word, (id, a) => {
      const { guest } = pair;
      guest.setX(1, a);
      const before = generalOf(guest);
      assert.equal(guest.hvc(BigInt(id)), 2n ** 64n - 1n);
      checkKept(guest, before, [0]);
      assert.equal(guest.pc, BEHIND);
    }),
    500,
  );
  pair.checkBeside();
});

for (const name of calls.map((one) => one.name).filter((one) => leaving.test(one))) {
  test(`${name} with any arguments ends or keeps its caller, and nobody else`, () => {
    let pair = new Pair();
    check(
      fc.property(word, word, (a, b) => {
        if (!pair.isRunning) pair = new Pair();
        pair.guest.hvc(BigInt(calls.find((one) => one.name === name)?.id ?? 0), a, b);
        pair.machine.run.advance(62_500n);
        pair.checkBeside();
      }),
      4,
    );
  });
}

test("MRS and MSR of any register: one register changes at most, or UNDEFINED", () => {
  const pair = new Pair();
  const five = fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 7 }), fc.nat({ max: 15 }), fc.nat({ max: 15 }), fc.nat({ max: 7 }));
  check(
    fc.property(fc.oneof(fc.constantFrom(...registers), five), rt, fc.boolean(), word, (encoding, register, read, value) => {
      const { guest } = pair;
      guest.setX(register, value);
      const before = generalOf(guest);
      guest.systemRegister(encoding, register, read);
      checkKept(guest, before, read && guest.pc === BEHIND ? [register] : []);
      assert.ok(guest.pc === BEHIND || guest.pc === HANDLER);
      if (guest.pc === HANDLER) assert.equal(guest.sysreg("ESR_EL1"), 1n << 25n);
    }),
    2000,
  );
  pair.checkBeside();
});

test("every byte of every device at every width: a load has no stale bits, a store changes no register", () => {
  const pair = new Pair();
  const widths = [1, 2, 4, 8] as const;
  const devices = regions.filter(([base]) => base >= guestMachine.GICD_BASE && base < guestMachine.STOLEN_BASE);
  for (const [base, size] of devices) {
    check(
      fc.property(
        fc.nat({ max: size - 1 }),
        fc.constantFrom(...widths),
        rt,
        fc.record({ signed: fc.boolean(), wide: fc.boolean(), noSyndrome: fc.constantFrom(false, false, false, true) }),
        fc.option(word, { nil: undefined }),
        (offset, bytes, register, how, value) => {
          const { guest } = pair;
          const access = { bytes, rt: register, ...how, wide: how.wide || bytes === 8 };
          if (value !== undefined) guest.setX(register, value);
          const before = generalOf(guest);
          if (value === undefined) guest.load(base + offset, access);
          else guest.store(base + offset, value, access);
          const answered = guest.pc === BEHIND;
          assert.ok(answered || guest.pc === HANDLER);
          assert.ok(!(answered && how.noSyndrome), "answered without a syndrome");
          checkKept(guest, before, answered && value === undefined ? [register] : []);
          if (!answered || value !== undefined) return;
          const width = how.signed ? (access.wide ? 64 : 32) : 8 * bytes;
          assert.equal(guest.x(register) >> BigInt(Math.min(width, access.wide ? 64 : 32)), 0n, "bits above the value");
        },
      ),
      400,
    );
  }
  pair.checkBeside();
});
