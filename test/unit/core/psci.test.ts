// PSCI 1.1 (Arm DEN0022) and the SMC Calling Convention (DEN0028): every call, and every error that it has.

import assert from "node:assert/strict";
import { test } from "node:test";
import { calls } from "../../../abi/calls.ts";
import { trappedRegisters } from "../../../abi/sysregs.ts";
import { Asleep, PowerOff } from "../../../sim/faults.ts";
import type { Guest } from "../../../sim/guest.ts";
import { outputOf, RAM_BASE, start } from "../../../sim/start.ts";
import { shown } from "./log-lines.ts";

const id = (name: string): bigint => {
  const call = calls.find((one) => one.name === name);
  assert.ok(call !== undefined, name);
  return BigInt(call.id);
};
const error = (value: number): bigint => BigInt.asUintN(64, BigInt(value));
const [NOT_SUPPORTED, INVALID_PARAMETERS, ALREADY_ON, INVALID_ADDRESS] = [-1, -2, -4, -9].map(error);
const JUNK = 0xdead_beefn << 32n;
const ENTRY = BigInt(RAM_BASE + 0x8_0000);

/** What a call answers, by HVC and by SMC. */
const both = (name: string, ...args: bigint[]): bigint | undefined => {
  const guest = start();
  const answer = guest.hvc(id(name), ...args);
  assert.equal(guest.smc(id(name), ...args), answer, "HVC and SMC agree");
  return answer;
};

test("versions: PSCI 1.1, SMCCC 1.1", () => {
  assert.equal(both("PSCI_VERSION"), 0x1_0001n);
  assert.equal(both("SMCCC_VERSION"), 0x1_0001n);
});

test("unknown functions of every range are NOT_SUPPORTED, and never reach the firmware", () => {
  const guest = start();
  const atBoot = guest.machine.firmware.calls.length;
  const ranges = [
    0x0000_0000, 0x8100_0000, 0x8200_0000, 0x8300_0000, 0x8400_ff00, 0x8500_0000, 0x8600_0000, 0xb200_0000, 0xbf00_ffff,
    0xc200_0000, 0xc600_ffff, 0xffff_ffff,
  ];
  for (const function_ of ranges) {
    assert.equal(guest.hvc(BigInt(function_)), NOT_SUPPORTED, function_.toString(16));
    assert.equal(guest.smc(BigInt(function_)), NOT_SUPPORTED, function_.toString(16));
  }
  assert.equal(guest.machine.firmware.calls.length, atBoot);
});

test("the upper half of the function identifier is ignored", () => {
  const guest = start();
  assert.equal(guest.hvc(JUNK | id("PSCI_VERSION")), 0x1_0001n);
});

test("a call leaves registers alone that are not its result", () => {
  const guest = start();
  for (let n = 4; n < 31; n++) guest.setX(n, BigInt(n) * 3n);
  guest.hvc(id("PSCI_VERSION"), 1n, 2n, 3n);
  assert.deepEqual(
    [1, 2, 3].map((n) => guest.x(n)),
    [1n, 2n, 3n],
  );
  for (let n = 4; n < 31; n++) assert.equal(guest.x(n), BigInt(n) * 3n);
});

test("PSCI_FEATURES knows every PSCI call of the table, and SMCCC_VERSION, and nothing else", () => {
  for (const { name, id: function_ } of calls) {
    const expected = name.startsWith("PSCI_") || name === "SMCCC_VERSION" ? 0n : NOT_SUPPORTED;
    assert.equal(both("PSCI_FEATURES", BigInt(function_)), expected, name);
  }
  assert.equal(both("PSCI_FEATURES", 0x8400_0007n), NOT_SUPPORTED, "MIGRATE_INFO_UP_CPU");
  assert.equal(both("PSCI_FEATURES", JUNK | id("PSCI_VERSION")), 0n, "the upper half is junk");
});

test("MIGRATE_INFO_TYPE: nothing to migrate", () => {
  assert.equal(both("PSCI_MIGRATE_INFO_TYPE"), 2n);
});

test("ARCH_FEATURES: the calls that are there, and workarounds as the firmware has them", () => {
  assert.equal(both("SMCCC_ARCH_FEATURES", id("SMCCC_VERSION")), 0n);
  assert.equal(both("SMCCC_ARCH_FEATURES", id("SMCCC_ARCH_FEATURES")), 0n);
  assert.equal(both("SMCCC_ARCH_FEATURES", id("PV_TIME_FEATURES")), 0n);
  assert.equal(both("SMCCC_ARCH_FEATURES", 0xc500_0022n), NOT_SUPPORTED);
});

const workarounds = ["SMCCC_ARCH_WORKAROUND_1", "SMCCC_ARCH_WORKAROUND_3"].map(id);

test("ARCH_FEATURES: workarounds as the firmware has them; they are passed on", () => {
  for (const workaround of workarounds) {
    for (const answer of [0n, 1n]) {
      const guest = start({ workarounds: [[workaround, answer]] });
      assert.equal(guest.hvc(id("SMCCC_ARCH_FEATURES"), workaround), answer);
      guest.hvc(workaround, 1n, 2n, 3n);
      assert.deepEqual(guest.machine.firmware.calls.at(-1), [workaround, 0n, 0n, 0n]);
    }
  }
});

test("a workaround that the firmware does not have never reaches it; nor does any on a board without firmware", () => {
  const refuses = [[workarounds[0]!, 0xffff_ffffn] as const];
  for (const options of [
    {},
    { workarounds: refuses },
    { board: { psci: false }, workarounds: [[workarounds[0]!, 0n] as const] },
  ]) {
    const guest = start(options);
    const before = guest.machine.firmware.calls.length;
    assert.equal(guest.hvc(id("SMCCC_ARCH_FEATURES"), workarounds[0]!), NOT_SUPPORTED);
    assert.equal(guest.hvc(workarounds[0]!), NOT_SUPPORTED);
    assert.equal(guest.machine.firmware.calls.length, before);
    if ("board" in options) assert.equal(before, 0);
  }
});

test("WORKAROUND_2, which would switch a mitigation of the CPU off for others as well, is not offered", () => {
  const guest = start({ workarounds: [[0x8000_7fffn, 0n]] });
  assert.equal(guest.hvc(id("SMCCC_ARCH_FEATURES"), 0x8000_7fffn), NOT_SUPPORTED);
  assert.equal(guest.hvc(0x8000_7fffn, 0n), NOT_SUPPORTED);
});

for (const bits of [32, 64]) {
  const affinity = (...args: bigint[]): bigint | undefined => both(`PSCI_AFFINITY_INFO_${bits}`, ...args);
  const cpuOn = (...args: bigint[]): bigint | undefined => both(`PSCI_CPU_ON_${bits}`, ...args);

  test(`AFFINITY_INFO (${bits} bits): the one vCPU is on, nothing else exists`, () => {
    assert.equal(affinity(0n, 0n), 0n);
    for (const mpidr of [1n, 0x100n, 0x8000_0000n, 0x00ff_ffffn]) assert.equal(affinity(mpidr, 0n), INVALID_PARAMETERS);
    for (const level of [1n, 2n, 3n, 4n, 0xffff_ffffn]) assert.equal(affinity(0n, level), INVALID_PARAMETERS);
  });

  test(`CPU_ON (${bits} bits): already on, unknown CPUs, entries outside RAM`, () => {
    assert.equal(cpuOn(0n, ENTRY, 0n), ALREADY_ON);
    for (const mpidr of [1n, 0x100n, 0x0100_0000n, 0xff_ffffn]) assert.equal(cpuOn(mpidr, ENTRY, 0n), INVALID_PARAMETERS);
    for (const entry of [0n, 0x0900_0000n, BigInt(RAM_BASE) + 0x100_0000n, 0xffff_f000n]) {
      assert.equal(cpuOn(0n, entry, 0n), INVALID_ADDRESS, entry.toString(16));
    }
  });
}

test("calls of 32 bits take the low halves of their arguments, calls of 64 bits all of them", () => {
  assert.equal(both("PSCI_AFFINITY_INFO_32", JUNK, JUNK), 0n);
  assert.equal(both("PSCI_CPU_ON_32", JUNK, JUNK | ENTRY, JUNK), ALREADY_ON);
  assert.equal(both("PSCI_AFFINITY_INFO_64", JUNK, 0n), INVALID_PARAMETERS);
  assert.equal(both("PSCI_CPU_ON_64", 0n, 1n << 47n, 0n), INVALID_ADDRESS);
  assert.equal(both("PSCI_CPU_ON_64", 1n << 40n, ENTRY, 0n), INVALID_PARAMETERS);
});

// --- CPU_SUSPEND

/** A guest whose physical timer fires in 1,000 ticks. */
const withTimer = (): Guest => {
  const guest = start();
  guest.store(0x080a_0014, 0n);
  guest.store(0x0800_0000, 2n);
  guest.store(0x080b_0080, 1n << 30n);
  guest.store(0x080b_0100, 1n << 30n);
  guest.openInterrupts();
  guest.msr(trappedRegisters.CNTP_CVAL_EL0, 1000n);
  guest.msr(trappedRegisters.CNTP_CTL_EL0, 1n);
  return guest;
};

for (const [kind, state] of [
  ["standby", 0n],
  ["power-down", 1n << 16n],
] as const) {
  test(`CPU_SUSPEND (${kind}) waits for the interrupt, then returns success`, () => {
    for (const name of ["PSCI_CPU_SUSPEND_32", "PSCI_CPU_SUSPEND_64"]) {
      const guest = withTimer();
      const { pc } = guest;
      assert.equal(guest.hvc(id(name), state, ENTRY, 7n), 0n);
      assert.equal(guest.pc, pc + 4n);
      assert.equal(guest.machine.timer.count, 1000n);
      assert.equal(guest.acknowledge(), 30);
    }
  });
}

test("CPU_SUSPEND returns at once when an interrupt is pending, masked in PSTATE or not", () => {
  const guest = withTimer();
  guest.spin(2000n);
  guest.pstate = 0x3c5n;
  assert.equal(guest.hvc(id("PSCI_CPU_SUSPEND_64"), 0n), 0n);
  assert.equal(guest.machine.timer.count, 2000n);
});

test("CPU_SUSPEND waits each time, whatever interrupts have come and gone before", () => {
  const guest = withTimer();
  for (let n = 1; n < 4; n++) {
    guest.msr(trappedRegisters.CNTP_CVAL_EL0, 1000n * BigInt(n));
    assert.equal(guest.hvc(id("PSCI_CPU_SUSPEND_64"), 0n), 0n);
    assert.equal(guest.machine.timer.count, 1000n * BigInt(n));
    assert.equal(guest.acknowledge(), 30);
    guest.msr(trappedRegisters.CNTP_CVAL_EL0, 1_000_000n);
    guest.end(30);
  }
});

test("CPU_SUSPEND is woken by input", () => {
  const guest = start();
  guest.store(0x080a_0014, 0n);
  guest.store(0x0800_0000, 2n);
  guest.store(0x0800_0084, 2n);
  guest.store(0x0800_0104, 2n);
  guest.store(0x0900_0030, 0x301n);
  guest.store(0x0900_0038, 0x50n);
  guest.openInterrupts();
  guest.machine.run.whileAsleep = () => guest.machine.uart.type("x");
  assert.equal(guest.hvc(id("PSCI_CPU_SUSPEND_64"), 0n), 0n);
  assert.equal(guest.acknowledge(), 33);
});

test("CPU_SUSPEND sleeps on when what comes is not for the guest", () => {
  const guest = start();
  guest.machine.uart.type("nobody reads");
  assert.throws(() => guest.hvc(id("PSCI_CPU_SUSPEND_64"), 0n), Asleep);
});

test("CPU_SUSPEND with reserved bits is INVALID_PARAMETERS, and does not sleep", () => {
  for (const state of [1n << 26n, 1n << 31n, 1n << 17n, 1n << 23n]) {
    assert.equal(both("PSCI_CPU_SUSPEND_32", state), INVALID_PARAMETERS);
  }
});

// --- the end

for (const name of ["PSCI_SYSTEM_OFF", "PSCI_CPU_OFF"]) {
  for (const way of ["hvc", "smc"] as const) {
    test(`${name} by ${way.toUpperCase()} ends the run well: the VM is off, and that is the last line`, () => {
      const { output, thrown } = outputOf({ vm: { name: "linux" } }, (guest) => guest[way](id(name)));
      assert.ok(thrown instanceof PowerOff, String(thrown));
      const lines = shown(output).trimEnd().split("\r\n").slice(-2);
      assert.match(lines[0] ?? "", /^<6>\[ {4}0\.000000\] cpu0 vm0 vm: linux is off$/);
      assert.match(lines[1] ?? "", /^<6>\[ {4}0\.000000\] halted: off$/);
    });
  }
}

test("SYSTEM_RESET2: type 0 resets, others do not exist", () => {
  for (const name of ["PSCI_SYSTEM_RESET2_32", "PSCI_SYSTEM_RESET2_64"]) {
    const guest = start();
    assert.equal(guest.hvc(id(name), 0x8000_0000n), INVALID_PARAMETERS);
    guest.hvc(id(name), 0n, 0x1234n);
    assert.equal(guest.pc, ENTRY);
    assert.equal(guest.x(0), BigInt(RAM_BASE));
  }
});
