// A VM that is taken down while another of its vCPUs is on its way into the hypervisor: what that one asks for comes too late. The exits of two CPUs
// follow each other here before an interrupt of the board can come between them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { vmStates } from "../../../abi/calls.ts";
import type { Guest } from "../../../sim/guest.ts";
import { ec } from "../../../sim/guest.ts";
import type { Machine } from "../../../sim/machine.ts";
import { RAM_BASE, startSystem } from "../../../sim/start.ts";
import { call, error, id } from "./call.ts";

const ENTRY = BigInt(RAM_BASE + 0x8_0000);
const TARGET = 1;
const ESR_HVC = (BigInt(ec.HVC) << 26n) | (1n << 25n);

const running = (machine: Machine, vm: number, vcpu = 0): Guest => {
  const guest = machine.running(vm, vcpu);
  assert.ok(guest !== undefined, `vCPU ${vcpu} of VM ${vm} runs`);
  return guest;
};

/** A controller on CPU 0, and a VM with two vCPUs on CPUs 1 and 2. */
const system = (): { machine: Machine; controller: Guest; guests: [Guest, Guest] } => {
  const vms = [
    { controller: true, affinity: [0] },
    { vcpus: 2, affinity: [1, 2] },
  ];
  const machine = startSystem({ cpus: 3, vms });
  machine.run.advance(1000n);
  const first = running(machine, TARGET);
  call(first, "PSCI_CPU_ON_64", 1, ENTRY, 0);
  return { machine, controller: running(machine, 0), guests: [first, running(machine, TARGET, 1)] };
};

/** A call as `call` makes it, but no other CPU notices before the next one's exit. */
const callUnnoticed = (guest: Guest, name: string, ...args: number[]): void => {
  for (const [n, value] of [id(name), ...args.map(BigInt)].entries()) guest.setX(n, value);
  guest.pc += 4n;
  guest.trap(ESR_HVC);
};

const stateOf = (controller: Guest): string | undefined => {
  call(controller, "HL_VM_STATE", TARGET);
  return Object.entries(vmStates).find(([, value]) => BigInt(value) === controller.x(1))?.[0];
};

test("no call of a vCPU brings a VM back that was stopped or destroyed, or takes one down that was reset", () => {
  for (const late of ["PSCI_SYSTEM_RESET", "PSCI_SYSTEM_OFF", "PSCI_CPU_OFF", "PSCI_CPU_SUSPEND_64", "PSCI_CPU_ON_64"]) {
    for (const [what, state] of [
      ["HL_VM_STOP", "VM_OFF"],
      ["HL_VM_DESTROY", "VM_ABSENT"],
      ["HL_VM_RESET", "VM_RUNNING"],
    ] as const) {
      const { machine, controller, guests } = system();
      callUnnoticed(controller, what, TARGET);
      assert.equal(controller.x(0), 0n);
      callUnnoticed(guests[1], late, 0, 0, 0);
      machine.run.proceed();
      assert.equal(stateOf(controller), state, `${what}, then ${late}`);
    }
  }
});

test("a vCPU that waits for an interrupt while its VM is reset is off afterwards", () => {
  const { machine, guests } = system();
  callUnnoticed(guests[0], "PSCI_SYSTEM_RESET");
  callUnnoticed(guests[1], "PSCI_CPU_SUSPEND_64", 0, 0, 0);
  machine.run.proceed();
  const first = running(machine, TARGET);
  assert.equal(call(first, "PSCI_AFFINITY_INFO_64", 1, 0), 1n);
  assert.equal(call(first, "PSCI_CPU_ON_64", 1, ENTRY, 0), 0n);
});

test("a VM that its vCPU resets stays so when the other one goes off in the same moment", () => {
  const { machine, controller, guests } = system();
  callUnnoticed(guests[0], "PSCI_SYSTEM_RESET");
  callUnnoticed(guests[1], "PSCI_CPU_OFF");
  machine.run.proceed();
  assert.equal(stateOf(controller), "VM_RUNNING");
});

test("a vCPU that is switched on while its VM is being paused runs when that goes on", () => {
  const { machine, controller, guests } = system();
  call(guests[1], "PSCI_CPU_OFF");
  callUnnoticed(controller, "HL_VM_PAUSE", TARGET);
  callUnnoticed(guests[0], "PSCI_CPU_ON_64", 1, Number(ENTRY), 0);
  machine.run.proceed();
  assert.equal(machine.running(TARGET, 1), undefined);
  assert.equal(call(controller, "HL_VM_RESUME", TARGET), 0n);
  assert.equal(running(machine, TARGET).x(0), 0n);
  running(machine, TARGET, 1);
  assert.equal(call(running(machine, TARGET), "PSCI_CPU_ON_64", 1, ENTRY, 0), error("ALREADY_ON"));
});

test("the time that a VM was paused before a reset does not count in its next life", () => {
  const { machine, controller } = system();
  call(controller, "HL_VM_PAUSE", TARGET);
  machine.run.advance(1_000_000n);
  call(controller, "HL_VM_RESET", TARGET);
  machine.run.advance(5000n);
  const before = running(machine, TARGET).cpu.timer.virtualCount;
  call(controller, "HL_VM_PAUSE", TARGET);
  machine.run.advance(300n);
  call(controller, "HL_VM_RESUME", TARGET);
  assert.equal(running(machine, TARGET).cpu.timer.virtualCount, before);
});

for (const name of ["PSCI_SYSTEM_RESET", "PSCI_SYSTEM_OFF", "PSCI_CPU_OFF"]) {
  test(`a VM that was paused stays so though a vCPU is on the way with ${name}, which comes when it goes on`, () => {
    const { machine, controller, guests } = system();
    call(guests[1], "PSCI_CPU_OFF");
    callUnnoticed(controller, "HL_VM_PAUSE", TARGET);
    callUnnoticed(guests[0], name);
    machine.run.proceed();
    assert.equal(stateOf(controller), "VM_PAUSED");
    assert.equal(call(controller, "HL_VM_RESUME", TARGET), 0n);
    const again = running(machine, TARGET);
    // The instruction that makes the call is the next one.
    assert.equal(again.hvc(again.x(0)), again.x(0));
    machine.run.proceed();
    assert.equal(stateOf(controller), name === "PSCI_SYSTEM_RESET" ? "VM_RUNNING" : "VM_OFF");
  });
}
