// Several vCPUs of a VM (PSCI, DEN0022): switched on and off, on one CPU of the board and on several; wrong arguments change nothing.

import assert from "node:assert/strict";
import { test } from "node:test";
import { el1Context } from "../../../abi/sysregs.ts";
import { bundleOfSystem } from "../../../sim/bundles.ts";
import type { Guest } from "../../../sim/guest.ts";
import type { Hal } from "../../../sim/hal.ts";
import type { Machine } from "../../../sim/machine.ts";
import { FDT_AT, load, RAM_BASE, startSystem } from "../../../sim/start.ts";
import { call, error } from "./call.ts";

const ENTRY = BigInt(RAM_BASE + 0x8_0000);
/** A slice by default: 5 ms at 62.5 MHz. */
const SLICE = 312_500n;

const vcpu = (machine: Machine, n: number, vm = 0): Guest => {
  const found = machine.running(vm, n);
  assert.ok(found !== undefined, `vCPU ${n} of VM ${vm} runs`);
  return found;
};

/** A VM of `vcpus` on `cpus`, its vCPU 0 running. */
const started = (cpus: number, vcpus: number): { machine: Machine; first: Guest } => {
  const machine = startSystem({ cpus, vms: [{ vcpus }] });
  return { machine, first: vcpu(machine, 0) };
};

for (const bits of [32, 64]) {
  const on = (guest: Guest, ...args: (bigint | number)[]): bigint => call(guest, `PSCI_CPU_ON_${bits}`, ...args);
  const info = (guest: Guest, ...args: (bigint | number)[]): bigint => call(guest, `PSCI_AFFINITY_INFO_${bits}`, ...args);

  test(`CPU_ON (${bits} bits): the vCPU starts at its entry with x0 = context, all else as at reset`, () => {
    const { machine, first } = started(2, 2);
    assert.equal(info(first, 1, 0), 1n, "off");
    assert.equal(on(first, 1, ENTRY, 77), 0n);
    const second = vcpu(machine, 1);
    assert.equal(info(first, 1, 0), 0n, "on");
    assert.deepEqual([second.pc, second.x(0), second.pstate & 0x3ffn], [ENTRY, 77n, 0x3c5n]);
    for (let n = 1; n < 31; n++) assert.equal(second.x(n), 0n, `x${n}`);
    const set = el1Context.filter((name) => second.sysreg(name) !== 0n);
    assert.deepEqual(set, ["SCTLR_EL1"]);
    assert.notEqual(second.cpu, first.cpu);
  });

  test(`CPU_ON (${bits} bits): whom it cannot start, and where`, () => {
    const { first } = started(2, 2);
    for (const mpidr of [2, 7, 0x100, 0x1_0000, 0x0100_0000, 0x8000_0001, 0xffff_ffff]) {
      assert.equal(on(first, mpidr, ENTRY, 0), error("INVALID_PARAMETERS"), mpidr.toString(16));
    }
    for (const entry of [0n, 0x0900_0000n, BigInt(RAM_BASE) + 0x100_0000n, 0xffff_f000n]) {
      assert.equal(on(first, 1, entry, 0), error("INVALID_ADDRESS"), entry.toString(16));
    }
    assert.equal(on(first, 0, ENTRY, 0), error("ALREADY_ON"), "the caller itself");
    assert.equal(info(first, 1, 0), 1n, "none of this has changed anything");
  });

  test(`AFFINITY_INFO (${bits} bits): absurd values are INVALID_PARAMETERS`, () => {
    const { first } = started(1, 4);
    for (let n = 0; n < 4; n++) assert.equal(info(first, n, 0), n === 0 ? 0n : 1n);
    for (const mpidr of [4, 0x100, 0x8000_0000, 0xffff_ffff]) assert.equal(info(first, mpidr, 0), error("INVALID_PARAMETERS"));
    for (const level of [1, 2, 3, 4, 0xffff_ffff]) assert.equal(info(first, 0, level), error("INVALID_PARAMETERS"));
  });
}

test("64-bit arguments count as a whole: what is no vCPU's affinity in bits 63-32 is none's", () => {
  const { first } = started(1, 2);
  for (const high of [1n << 32n, 1n << 63n]) {
    assert.equal(call(first, "PSCI_CPU_ON_64", high | 1n, ENTRY, 0), error("INVALID_PARAMETERS"));
    assert.equal(call(first, "PSCI_AFFINITY_INFO_64", high, 0), error("INVALID_PARAMETERS"));
  }
});

test("CPU_ON of one vCPU from two: one starts it, the other is told that it is on", () => {
  const { machine, first } = started(3, 3);
  assert.equal(call(first, "PSCI_CPU_ON_64", 1, ENTRY, 0), 0n);
  const second = vcpu(machine, 1);
  assert.equal(call(first, "PSCI_CPU_ON_64", 2, ENTRY, 1), 0n);
  assert.equal(call(second, "PSCI_CPU_ON_64", 2, ENTRY + 4n, 2), error("ALREADY_ON"));
  assert.deepEqual([vcpu(machine, 2).pc, vcpu(machine, 2).x(0)], [ENTRY, 1n], "what the first one said holds");
});

for (const cpus of [1, 2, 8]) {
  test(`eight vCPUs on ${cpus} CPU(s): all start, all come to run`, () => {
    const { machine, first } = started(cpus, 8);
    for (let n = 1; n < 8; n++) assert.equal(call(first, "PSCI_CPU_ON_64", n, ENTRY, n), 0n);
    const seen = new Set<bigint>();
    for (let turn = 0; turn < 16; turn++) {
      for (const { guest } of machine.cpus) if (guest !== undefined) seen.add(guest.sysreg("VMPIDR_EL2") & 0xffn);
      machine.run.advance(SLICE);
    }
    assert.deepEqual(
      [...seen].sort(),
      Array.from({ length: 8 }, (_, n) => BigInt(n)),
    );
  });
}

test("CPU_OFF and CPU_ON again, a hundred times: the vCPU starts anew each time", () => {
  const { machine, first } = started(2, 2);
  for (let n = 0; n < 100; n++) {
    assert.equal(call(first, "PSCI_CPU_ON_64", 1, ENTRY, n), 0n);
    const second = vcpu(machine, 1);
    assert.deepEqual([second.pc, second.x(0), second.sysreg("TPIDR_EL1")], [ENTRY, BigInt(n), 0n]);
    second.setSysreg("TPIDR_EL1", 0xdeadn);
    second.hvc(0x8400_0002n);
    assert.equal(machine.running(0, 1), undefined);
    assert.equal(call(first, "PSCI_AFFINITY_INFO_64", 1, 0), 1n);
  }
});

test("the last vCPU that goes off takes its VM with it, not others", () => {
  const machine = startSystem({ cpus: 2, vms: [{ vcpus: 2 }, {}] });
  const first = vcpu(machine, 0);
  assert.equal(call(first, "PSCI_CPU_ON_64", 1, ENTRY, 0), 0n);
  call(vcpu(machine, 0), "PSCI_CPU_OFF");
  machine.run.advance(SLICE);
  assert.doesNotMatch(machine.uart.output, /is off/, "one is on");
  call(vcpu(machine, 1), "PSCI_CPU_OFF");
  assert.match(machine.uart.output, /vm0 is off/);
  call(vcpu(machine, 0, 1), "PSCI_VERSION");
});

for (const name of ["PSCI_SYSTEM_OFF", "PSCI_SYSTEM_RESET"]) {
  test(`${name} from any vCPU is its VM's alone`, () => {
    for (const caller of [0, 1]) {
      const machine = startSystem({ cpus: 3, vms: [{ vcpus: 2 }, {}] });
      const other = vcpu(machine, 0, 1);
      other.setX(9, 99n);
      assert.equal(call(vcpu(machine, 0), "PSCI_CPU_ON_64", 1, ENTRY, 0), 0n);
      vcpu(machine, 0).setX(9, 9n);
      call(vcpu(machine, caller), name);
      machine.run.settle();
      assert.equal(machine.running(0, 1), undefined, "its second vCPU is off");
      const again = machine.running(0, 0);
      assert.equal(again?.x(9), name === "PSCI_SYSTEM_RESET" ? 0n : undefined);
      assert.deepEqual([other.x(9), call(other, "PSCI_VERSION")], [99n, 0x1_0001n]);
    }
  });
}

test("EL1 and vector registers stay each vCPU's own, on one CPU and in turns", () => {
  const { machine, first } = started(1, 2);
  assert.equal(call(first, "PSCI_CPU_ON_64", 1, ENTRY, 0), 0n);
  const left = new Map<bigint, bigint>();
  for (let turn = 1n; turn <= 12n; turn++) {
    const { guest, vectors } = machine.cpu(0);
    assert.ok(guest !== undefined);
    const own = guest.sysreg("VMPIDR_EL2");
    const before = left.get(own) ?? 0n;
    assert.deepEqual([guest.sysreg("TPIDR_EL1"), guest.sysreg("SP_EL0")], [before, before]);
    // In every third turn of its own a vCPU does not touch them.
    if (turn % 3n !== 0n) {
      guest.useFp();
      assert.deepEqual(new Set(vectors), new Set([before]));
      vectors.fill(turn);
      guest.setSysreg("TPIDR_EL1", turn);
      guest.setSysreg("SP_EL0", turn);
      left.set(own, turn);
    }
    machine.run.advance(SLICE);
  }
  assert.equal(left.size, 2);
});

test("a CPU that the firmware says it starts, and that never comes, leaves the numbers of the others alone", () => {
  const machine = load({ machine: { cpus: 3 }, bundle: bundleOfSystem({ vms: [{}, { affinity: [2] }] }) });
  machine.firmware.broken.set(1n, 0);
  machine.run.boot(BigInt(FDT_AT), 0n);
  machine.run.settle();
  assert.equal(machine.running(1)?.cpu.number, 2);
});

test("a CPU with nothing to run, whose wait ends for nothing, gives way: who is about to bring it something may run on the same thread of the host", () => {
  let given = 0;
  const wrapHal = (hal: Hal): Hal => {
    const relax = hal.cpu!.relax as () => void;
    const counted = (): void => {
      given++;
      relax();
    };
    return { ...hal, cpu: { ...hal.cpu, relax: counted } };
  };
  const machine = startSystem({ cpus: 2, machine: { wrapHal }, vms: [{}] });
  const idle = machine.cpus.find(({ guest }) => guest === undefined)!;
  const before = given;
  machine.run.exit(idle, (core) => core.onIdle());
  assert.equal(given, before + 1);
});
