// Control of VMs by a VM that the configuration marks as controller (HL_VM_… of abi/calls.ts): every call in every state, what it changes and what it
// leaves alone; anyone else is DENIED.

import assert from "node:assert/strict";
import { test } from "node:test";
import { calls, vmFacts, vmStates } from "../../../abi/calls.ts";
import { guest as guestMachine } from "../../../abi/guest.ts";
import type { VmOptions } from "../../../sim/bundles.ts";
import type { Guest } from "../../../sim/guest.ts";
import type { Machine } from "../../../sim/machine.ts";
import { RAM_BASE, type SystemStart, startSystem } from "../../../sim/start.ts";
import { MIB } from "../../../tool/size.ts";
import { call, error } from "./call.ts";

const ENTRY = BigInt(RAM_BASE + 0x8_0000);
const MS = 62_500n;
const CONTROLLER = 0;
const TARGET = 1;
const BYSTANDER = 2;
const controls = calls.map(({ name }) => name).filter((name) => name.startsWith("HL_VM_") && name !== "HL_VM_FACT");
const changes = ["CREATE", "START", "PAUSE", "RESUME", "RESET", "STOP", "DESTROY"] as const;
type Change = (typeof changes)[number];
type State = keyof typeof vmStates;

/** A controller, the VM that it controls, and one that must not notice; a CPU each, but for `more`. */
const system = (target: VmOptions = {}, more: Partial<SystemStart> = {}): { machine: Machine; controller: Guest } => {
  const machine = startSystem({ cpus: 3, vms: [{ controller: true }, target, {}], ...more });
  // On a board the count has begun before.
  machine.run.advance(MS);
  const controller = machine.running(CONTROLLER);
  assert.ok(controller !== undefined);
  return { machine, controller };
};

const change = (controller: Guest, what: Change, vm = TARGET): bigint => call(controller, `HL_VM_${what}`, vm);
const stateOf = (controller: Guest, vm = TARGET): State => {
  assert.equal(call(controller, "HL_VM_STATE", vm), 0n);
  const found = Object.entries(vmStates).find(([, value]) => BigInt(value) === controller.x(1));
  return found?.[0] as State;
};
const fact = (controller: Guest, name: keyof typeof vmFacts): bigint => {
  assert.equal(call(controller, "HL_VM_FACT", vmFacts[name]), 0n);
  return controller.x(1);
};
/** Free bytes of RAM and free pages for tables. */
const free = (controller: Guest): bigint[] => [fact(controller, "VM_FACT_FREE_MEMORY"), fact(controller, "VM_FACT_FREE_TABLES")];

/** How to come to a state, from RUNNING. */
const ways: Partial<Record<State, readonly Change[]>> = {
  VM_ABSENT: ["DESTROY"],
  VM_OFF: ["STOP"],
  VM_RUNNING: [],
  VM_PAUSED: ["PAUSE"],
};
/** Where each call leads from each of these states; DENIED from the others. */
const leads: Record<Change, Partial<Record<State, State>>> = {
  CREATE: { VM_ABSENT: "VM_OFF" },
  START: { VM_OFF: "VM_RUNNING" },
  PAUSE: { VM_RUNNING: "VM_PAUSED" },
  RESUME: { VM_PAUSED: "VM_RUNNING" },
  RESET: { VM_OFF: "VM_RUNNING", VM_RUNNING: "VM_RUNNING", VM_PAUSED: "VM_RUNNING" },
  STOP: { VM_OFF: "VM_OFF", VM_RUNNING: "VM_OFF", VM_PAUSED: "VM_OFF" },
  DESTROY: { VM_OFF: "VM_ABSENT", VM_RUNNING: "VM_ABSENT", VM_PAUSED: "VM_ABSENT" },
};

for (const [state, way] of Object.entries(ways) as [State, readonly Change[]][]) {
  for (const what of changes) {
    const next = leads[what][state];
    test(`${what} of a VM that is ${state}: ${next ?? "DENIED, and nothing changes"}`, () => {
      const { machine, controller } = system();
      const bystander = machine.running(BYSTANDER);
      bystander?.setX(5, 55n);
      for (const step of way) assert.equal(change(controller, step), 0n, step);
      assert.equal(stateOf(controller), state);
      assert.equal(change(controller, what), next === undefined ? error("DENIED") : 0n);
      assert.equal(stateOf(controller), next ?? state);
      assert.equal(machine.running(TARGET) !== undefined, (next ?? state) === "VM_RUNNING");
      assert.deepEqual([machine.running(BYSTANDER), bystander?.x(5)], [bystander, 55n]);
    });
  }
}

test("whoever is no controller is DENIED each call, its own VM's too, and nothing changes", () => {
  const { machine, controller } = system();
  const other = machine.running(BYSTANDER);
  assert.ok(other !== undefined);
  for (const name of controls)
    for (const vm of [CONTROLLER, TARGET, BYSTANDER, 99]) assert.equal(call(other, name, vm), error("DENIED"));
  for (const name of ["VM_FACT_FREE_MEMORY", "VM_FACT_FREE_TABLES"] as const)
    assert.equal(call(other, "HL_VM_FACT", vmFacts[name]), error("DENIED"));
  for (const vm of [CONTROLLER, TARGET, BYSTANDER]) assert.equal(stateOf(controller, vm), "VM_RUNNING");
});

test("a VM that does not exist is an error, in every call that takes one", () => {
  const { controller } = system();
  for (const name of controls.filter((one) => one !== "HL_VM_COUNT")) {
    for (const vm of [3n, 64n, 1n << 32n, (1n << 32n) | 1n, 1n << 63n]) {
      assert.equal(call(controller, name, vm), error("INVALID_PARAMETERS"), `${name} ${vm}`);
    }
  }
});

test("names and numbers of VMs", () => {
  const { controller } = system({ name: "a-name-of-31-characters-0123456", vcpus: 3 });
  assert.equal(call(controller, "HL_VM_COUNT"), 3n);
  let name = "";
  for (const offset of [0, 16]) {
    assert.equal(call(controller, "HL_VM_NAME", TARGET, offset), 0n);
    const bytes = Buffer.alloc(16);
    bytes.writeBigUInt64LE(controller.x(1));
    bytes.writeBigUInt64LE(controller.x(2), 8);
    name += bytes.toString("latin1");
  }
  assert.equal(name, "a-name-of-31-characters-0123456\0");
  for (const offset of [1, 8, 32]) assert.equal(call(controller, "HL_VM_NAME", TARGET, offset), error("INVALID_PARAMETERS"));
  call(controller, "HL_VM_STATE", TARGET);
  assert.deepEqual([controller.x(2), controller.x(3)], [0n, 3n]);
});

test("a paused VM goes on where it was, with all its vCPUs; its time has stood still", () => {
  for (const timeOnPause of ["stop", "run"] as const) {
    const { machine, controller } = system({ vcpus: 2, timeOnPause }, { cpus: 4 });
    const first = machine.running(TARGET, 0);
    assert.ok(first !== undefined);
    call(first, "PSCI_CPU_ON_64", 1, ENTRY, 7);
    const second = machine.running(TARGET, 1);
    assert.ok(second !== undefined);
    second.setSysreg("TPIDR_EL1", 42n);
    second.useFp();
    second.cpu.vectors.fill(43n);
    const count = first.cpu.timer.virtualCount;
    assert.equal(change(controller, "PAUSE"), 0n);
    assert.deepEqual([first.where, second.where], [undefined, undefined]);
    machine.run.advance(1000n * MS);
    assert.equal(change(controller, "RESUME"), 0n);
    assert.deepEqual([first.x(0), second.x(0), second.pc, second.sysreg("TPIDR_EL1")], [0n, 7n, ENTRY, 42n]);
    second.useFp();
    assert.deepEqual(new Set(second.cpu.vectors), new Set([43n]));
    assert.equal(first.cpu.timer.virtualCount - count, timeOnPause === "run" ? 1000n * MS : 0n);
  }
});

test("whenever a VM is started first, its clock shows the board's time of then, and goes on over its ends", () => {
  const { machine, controller } = system({ autostart: false });
  const clock = (): bigint => machine.running(TARGET)?.load(guestMachine.RTC_BASE) ?? assert.fail("the target runs");
  const board = controller.load(guestMachine.RTC_BASE);
  assert.equal(change(controller, "CREATE"), 0n);
  for (let seconds = 100n; seconds <= 300n; seconds += 100n) {
    machine.run.advance(100_000n * MS);
    assert.equal(change(controller, "START"), 0n);
    assert.equal(clock(), board + seconds);
    assert.equal(change(controller, "STOP"), 0n);
  }
});

test("a paused VM's timer fires when it goes on, not before", () => {
  const { machine, controller } = system();
  const target = machine.running(TARGET);
  assert.ok(target !== undefined);
  target.store(guestMachine.GICD_BASE, 0x12n);
  target.store(guestMachine.GICR_BASE + 0x1_0080, 0xffff_ffffn);
  target.store(guestMachine.GICR_BASE + 0x1_0100, 1n << 27n);
  target.openInterrupts();
  target.setSysreg("CNTV_CVAL_EL0", target.cpu.timer.virtualCount + 5n * MS);
  target.setSysreg("CNTV_CTL_EL0", 1n);
  change(controller, "PAUSE");
  machine.run.advance(100n * MS);
  assert.equal(target.where, undefined);
  change(controller, "RESUME");
  assert.ok(!target.isSignalled, "5 ms of its own time are still to come");
  machine.run.advance(5n * MS);
  assert.equal(target.acknowledge(), 27);
});

test("a reset VM is as new: memory, registers, vCPUs, interrupts", () => {
  const { machine, controller } = system({ vcpus: 2 });
  const target = machine.running(TARGET);
  assert.ok(target !== undefined);
  target.store(RAM_BASE + 12 * MIB, 0x1234_5678n);
  target.store(guestMachine.GICD_BASE, 2n);
  target.setSysreg("TPIDR_EL1", 5n);
  assert.equal(change(controller, "RESET"), 0n);
  const again = machine.running(TARGET);
  assert.ok(again !== undefined);
  assert.deepEqual([again.load(RAM_BASE + 12 * MIB), again.sysreg("TPIDR_EL1")], [0n, 0n]);
  assert.equal(again.load(guestMachine.GICD_BASE) & 3n, 0n);
  assert.equal(call(again, "PSCI_AFFINITY_INFO_64", 1, 0), 1n);
});

test("memory of a VM that is destroyed is zero before anybody else has it", () => {
  const { machine, controller } = system({ memory: 32 * MIB, kernel: Buffer.alloc(MIB, "secret") });
  const target = machine.running(TARGET);
  assert.ok(target !== undefined);
  for (let at = 0; at < 32 * MIB; at += 64 * 1024) target.store(RAM_BASE + at, 0x5ec3e75ec3e7n, { bytes: 8 });
  const leaves = target.leaves.filter(({ input }) => input >= RAM_BASE);
  assert.equal(change(controller, "DESTROY"), 0n);
  for (const { output, size } of leaves) assert.ok(machine.ram.isZero(output, size), output.toString(16));
});

test("a controller that stops, resets or destroys itself", () => {
  for (const [what, state] of [
    ["STOP", 0],
    ["DESTROY", 0],
    ["RESET", 1],
  ] as const) {
    const { machine, controller } = system();
    controller.setX(9, 9n);
    controller.hvc(BigInt(calls.find(({ name }) => name === `HL_VM_${what}`)!.id), BigInt(CONTROLLER));
    machine.run.settle();
    assert.equal(machine.running(CONTROLLER) === undefined, state === 0, what);
    assert.ok(machine.running(BYSTANDER) !== undefined);
  }
});

test("a controller pauses itself: only another one could wake it, the others run on", () => {
  const machine = startSystem({ cpus: 2, vms: [{ controller: true }, { controller: true }] });
  const [one, other] = [machine.running(0)!, machine.running(1)!];
  call(one, "HL_VM_PAUSE", 0);
  assert.equal(one.where, undefined);
  assert.equal(call(other, "HL_VM_RESUME", 0), 0n);
  assert.deepEqual([one.x(0), one.where !== undefined], [0n, true]);
});

test("create and destroy 10,000 times: not one page lost", () => {
  const { machine, controller } = system({ autostart: false, memory: 16 * MIB });
  assert.equal(stateOf(controller), "VM_ABSENT");
  const cycle = (n: number): void => {
    assert.equal(change(controller, "CREATE"), 0n);
    if (n % 100 === 0) {
      assert.equal(change(controller, "START"), 0n);
      assert.ok(machine.running(TARGET) !== undefined);
    }
    assert.equal(change(controller, "DESTROY"), 0n);
    assert.equal(stateOf(controller), "VM_ABSENT");
  };
  cycle(0);
  const before = free(controller);
  for (let n = 0; n < 10_000; n++) cycle(n);
  assert.deepEqual(free(controller), before);
});

test("VMs that do not fit are refused, and take nothing", () => {
  const { controller } = system({ autostart: false, memory: 512 * MIB });
  const before = free(controller);
  assert.equal(change(controller, "CREATE"), error("NO_MEMORY"));
  assert.deepEqual([stateOf(controller), free(controller)], ["VM_ABSENT", before]);
});

test("each further VM of 64 MiB takes at most 256 KiB of the hypervisor's memory for its tables, its page for stolen time included", () => {
  const vms: VmOptions[] = Array.from({ length: 3 }, () => ({ autostart: false, memory: 64 * MIB }));
  const banks = [{ base: 0x4000_0000, size: 0x3000_0000 }];
  const machine = startSystem({ cpus: 1, machine: { banks }, vms: [{ controller: true }, ...vms] });
  const controller = machine.running(CONTROLLER);
  assert.ok(controller !== undefined);
  const used = vms.map((_, n) => {
    const [memory, tables] = free(controller) as [bigint, bigint];
    assert.equal(change(controller, "CREATE", n + 1), 0n);
    const [memoryLeft, tablesLeft] = free(controller) as [bigint, bigint];
    return Number(memory - memoryLeft) - 64 * MIB + 4096 * Number(tables - tablesLeft);
  });
  for (const bytes of used.slice(1)) assert.ok(bytes <= 128 * 1024, `${used}`);
});
