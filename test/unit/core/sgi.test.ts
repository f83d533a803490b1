// SGIs among the vCPUs of a VM (Arm IHI 0069, 12.2.19 and 12.2.20), on one CPU of the board and on several: who gets them, once each, wherever it is.

import assert from "node:assert/strict";
import { test } from "node:test";
import { guest as guestMachine } from "../../../abi/guest.ts";
import { trappedRegisters } from "../../../abi/sysregs.ts";
import type { Guest } from "../../../sim/guest.ts";
import type { Hal } from "../../../sim/hal.ts";
import type { Machine, MachineOptions } from "../../../sim/machine.ts";
import { RAM_BASE, startSystem } from "../../../sim/start.ts";
import { call } from "./call.ts";

const ENTRY = BigInt(RAM_BASE + 0x8_0000);
const SLICE = 312_500n;
const IRM = 1n << 40n;
const ALL_SGIS = 0xffffn;
const SGI_FRAME = 0x1_0000;
const [IGROUPR, ISENABLER, ICENABLER, ISPENDR] = [0x80, 0x100, 0x180, 0x200];

const redistributor = (n: number): number => guestMachine.GICR_BASE + n * guestMachine.GICR_STRIDE;
const sgiFrame = (n: number, register: number): number => redistributor(n) + SGI_FRAME + register;

/** Lets vCPU `n`'s SGIs through, as Linux does on each. */
const open = (guest: Guest, n: number): void => {
  guest.store(guestMachine.GICD_BASE, 0x12n);
  guest.store(redistributor(n) + 0x14, 0n);
  guest.store(sgiFrame(n, IGROUPR), 0xffff_ffffn);
  guest.store(sgiFrame(n, ISENABLER), ALL_SGIS);
  guest.openInterrupts();
};

const send = (guest: Guest, intid: number, targets: bigint): void =>
  guest.msr(trappedRegisters.ICC_SGI1R_EL1, (BigInt(intid) << 24n) | targets);

/** Runs vCPU `n` to where it can be spoken to: a CPU comes to it in its turn. */
const turnOf = (machine: Machine, n: number): Guest => {
  for (let turn = 0; turn < 20; turn++) {
    const found = machine.running(0, n);
    if (found !== undefined) return found;
    machine.run.advance(SLICE);
  }
  return assert.fail(`vCPU ${n} does not come to run`);
};

/** A VM whose vCPUs all are on, with their SGIs open. */
const system = (cpus: number, vcpus: number, options: MachineOptions = {}): Machine => {
  const machine = startSystem({ cpus, machine: options, vms: [{ vcpus }] });
  for (let n = 1; n < vcpus; n++) assert.equal(call(turnOf(machine, 0), "PSCI_CPU_ON_64", n, ENTRY, 0), 0n);
  for (let n = 0; n < vcpus; n++) open(turnOf(machine, n), n);
  return machine;
};

/** What vCPU `n` has got: taken and ended, in the order in which it comes. */
const taken = (machine: Machine, n: number): number[] => {
  const guest = turnOf(machine, n);
  const all: number[] = [];
  for (;;) {
    const intid = guest.acknowledge();
    if (intid === 1023) return all;
    all.push(intid);
    guest.end(intid);
  }
};
const takenByAll = (machine: Machine, vcpus: number): number[][] => Array.from({ length: vcpus }, (_, n) => taken(machine, n));

for (const cpus of [1, 2, 4]) {
  test(`an SGI reaches those that are listed and no other; four vCPUs on ${cpus} CPU(s)`, () => {
    const machine = system(cpus, 4);
    send(turnOf(machine, 0), 3, 0b0100n);
    assert.deepEqual(takenByAll(machine, 4), [[], [], [3], []]);
    send(turnOf(machine, 1), 4, 0b1111n);
    assert.deepEqual(takenByAll(machine, 4), [[4], [4], [4], [4]], "all, the sender among them");
    send(turnOf(machine, 2), 5, IRM);
    assert.deepEqual(takenByAll(machine, 4), [[5], [5], [], [5]], "all others");
    send(turnOf(machine, 3), 6, IRM | 0xff_00ff_0000n);
    assert.deepEqual(takenByAll(machine, 4), [[6], [6], [6], []], "all others, whatever else the register says");
  });

  test(`vCPUs that are not there, other clusters, reserved bits; ${cpus} CPU(s)`, () => {
    const machine = system(cpus, 2);
    const sender = turnOf(machine, 0);
    send(sender, 1, 0xfffcn);
    for (const cluster of [1n << 16n, 1n << 32n, 1n << 48n, 1n << 44n]) send(sender, 1, cluster | 0b11n);
    assert.deepEqual(takenByAll(machine, 2), [[], []]);
    send(turnOf(machine, 0), 2, (0xfn << 28n) | (0x7n << 41n) | (0xffn << 56n) | 0b10n);
    assert.deepEqual(takenByAll(machine, 2), [[], [2]], "reserved bits are ignored");
  });

  test(`all sixteen, from each to each; ${cpus} CPU(s)`, () => {
    const machine = system(cpus, 3);
    for (let sender = 0; sender < 3; sender++) {
      for (let intid = 0; intid < 16; intid++) send(turnOf(machine, sender), intid, 0b111n);
      const each = Array.from({ length: 16 }, (_, n) => n);
      assert.deepEqual(
        takenByAll(machine, 3).map((all) => all.sort((a, b) => a - b)),
        [each, each, each],
      );
    }
  });

  test(`an SGI that is sent twice before it is taken comes once; ${cpus} CPU(s)`, () => {
    const machine = system(cpus, 2);
    send(turnOf(machine, 0), 7, 0b10n);
    send(turnOf(machine, 0), 7, 0b10n);
    assert.deepEqual(taken(machine, 1), [7]);
    assert.deepEqual(taken(machine, 1), []);
  });

  test(`an SGI that is off, or pending and switched off by another vCPU, waits; ${cpus} CPU(s)`, () => {
    const machine = system(cpus, 2);
    turnOf(machine, 0).store(sgiFrame(1, ICENABLER), 1n << 9n);
    send(turnOf(machine, 0), 9, 0b10n);
    assert.equal(turnOf(machine, 0).load(sgiFrame(1, ISPENDR)), 1n << 9n, "seen from the other vCPU");
    assert.deepEqual(taken(machine, 1), []);
    turnOf(machine, 0).store(sgiFrame(1, ISENABLER), 1n << 9n);
    turnOf(machine, 0).store(sgiFrame(1, ICENABLER), 1n << 9n);
    assert.deepEqual(taken(machine, 1), []);
    turnOf(machine, 0).store(sgiFrame(1, ISENABLER), 1n << 9n);
    assert.deepEqual(taken(machine, 1), [9]);
  });
}

test("an SGI wakes a vCPU that waits, on its own CPU, on another one, and on the same one", () => {
  for (const cpus of [1, 2]) {
    const machine = system(cpus, 2);
    const second = turnOf(machine, 1);
    call(second, "PSCI_CPU_SUSPEND_64", 0, 0, 0);
    assert.equal(second.where, undefined, "it waits");
    machine.run.advance(10n * SLICE);
    assert.equal(second.where, undefined);
    send(turnOf(machine, 0), 8, 0b10n);
    assert.deepEqual([taken(machine, 1), second.x(0)], [[8], 0n]);
  }
});

test("an SGI to another CPU interrupts that one, and takes no lock; one to oneself interrupts none", () => {
  const calls: string[] = [];
  const counted = (hal: Hal, module: string, name: string): void => {
    const call = hal[module]![name] as (...args: unknown[]) => unknown;
    Object.assign(hal[module]!, {
      [name]: (...args: unknown[]) => {
        calls.push(name);
        return call(...args);
      },
    });
  };
  const wrapHal = (hal: Hal): Hal => {
    counted(hal, "atomic", "add32");
    counted(hal, "sysreg", "writeIccSgi1rEl1");
    return hal;
  };
  const machine = system(2, 2, { wrapHal });
  calls.length = 0;
  send(turnOf(machine, 0), 3, 0b10n);
  // What a lock's ticket is drawn by: the CPU that is interrupted takes the VM's, behind the interrupt.
  assert.deepEqual(calls, ["writeIccSgi1rEl1", "add32"]);
  assert.deepEqual(taken(machine, 1), [3]);
  calls.length = 0;
  send(turnOf(machine, 0), 4, 0b01n);
  assert.deepEqual(calls, ["add32"]);
  assert.deepEqual(taken(machine, 0), [4]);
});

test("SGIs never leave their VM", () => {
  const machine = startSystem({ cpus: 2, vms: [{}, {}] });
  const [mine, other] = [machine.running(0)!, machine.running(1)!];
  open(mine, 0);
  open(other, 0);
  send(mine, 3, IRM | 0xffffn);
  send(mine, 4, 0xffffn);
  assert.deepEqual([mine.acknowledge(), other.acknowledge()], [4, 1023]);
});

test("a vCPU that looks at another one's redistributor keeps what it has itself", () => {
  const machine = system(2, 2);
  send(turnOf(machine, 1), 3, 0b01n);
  send(turnOf(machine, 0), 5, 0b10n);
  const first = turnOf(machine, 0);
  assert.equal(first.load(sgiFrame(1, ISPENDR)), 1n << 5n);
  assert.ok(first.isSignalled, "its own is still signalled");
  assert.deepEqual(takenByAll(machine, 2), [[3], [5]]);
});

test("a vCPU that leaves its CPU with more pending than list registers hold leaves the CPU in peace", () => {
  for (const name of ["PSCI_CPU_OFF", "PSCI_CPU_SUSPEND_64"]) {
    const machine = system(1, 2);
    for (let intid = 0; intid < 8; intid++) send(turnOf(machine, 1), intid, 0b10n);
    call(turnOf(machine, 1), name);
    call(turnOf(machine, 0), "PSCI_CPU_SUSPEND_64", 0, 0, 0);
    machine.run.advance(10n * SLICE);
    assert.equal(machine.running(0, 1) !== undefined, name !== "PSCI_CPU_OFF");
  }
});
