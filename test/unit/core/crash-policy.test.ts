// What follows when a guest brings its VM down (crashPolicies of abi/bundle.ts): that VM stops or starts anew, or the run ends; a record is kept, and the
// others go on.

import assert from "node:assert/strict";
import { test } from "node:test";
import { vmStates } from "../../../abi/calls.ts";
import { PowerOff } from "../../../sim/faults.ts";
import type { Guest } from "../../../sim/guest.ts";
import type { Machine } from "../../../sim/machine.ts";
import { RAM_BASE, startSystem } from "../../../sim/start.ts";
import type { Vm } from "../../../tool/config/schema.ts";
import { call } from "./call.ts";

const [CONTROLLER, TARGET, BYSTANDER] = [0, 1, 2];
const ENTRY = BigInt(RAM_BASE + 0x8_0000);

/** An exception whose vector lies where there is nothing. */
const crash = (guest: Guest): void => {
  guest.setSysreg("VBAR_EL1", 0x3000_0000n);
  guest.fetch(0x3000_0200);
};

const system = (crashPolicy: Vm["crashPolicy"]): Machine =>
  startSystem({ cpus: 4, vms: [{ controller: true }, { crashPolicy, vcpus: 2 }, {}] });

const guestOf = (machine: Machine, vm: number, n = 0): Guest => {
  const found = machine.running(vm, n);
  assert.ok(found !== undefined, `vCPU ${n} of VM ${vm} runs`);
  return found;
};

/** State and number of crashes of the target. */
const target = (machine: Machine): bigint[] => {
  const controller = guestOf(machine, CONTROLLER);
  assert.equal(call(controller, "HL_VM_STATE", TARGET), 0n);
  return [controller.x(1), controller.x(2)];
};

for (const culprit of [0, 1]) {
  test(`"stop": vCPU ${culprit} takes its VM down, with a reason and its registers in the log; nobody else notices`, () => {
    const machine = system("stop");
    call(guestOf(machine, TARGET), "PSCI_CPU_ON_64", 1, ENTRY, 0);
    const bystander = guestOf(machine, BYSTANDER);
    bystander.setX(7, 77n);
    crash(guestOf(machine, TARGET, culprit));
    assert.deepEqual(target(machine), [BigInt(vmStates.VM_CRASHED), 1n]);
    assert.deepEqual([machine.running(TARGET, 0), machine.running(TARGET, 1)], [undefined, undefined]);
    assert.match(machine.uart.output, /<4>\[.*\] cpu\d vm1 .*vm1: its exception vector at 0x30000200 cannot be fetched/);
    assert.match(machine.uart.output, new RegExp(`vcpu${culprit}, x0 to x30, pc, pstate:(.*\\r\\n)+.* 0x30000200 0x3c5\\r\\n`));
    assert.deepEqual([machine.running(BYSTANDER), bystander.x(7)], [bystander, 77n]);
  });
}

test("one that has crashed can be started, reset, or destroyed; it starts as new", () => {
  for (const [what, state] of [
    ["START", vmStates.VM_RUNNING],
    ["RESET", vmStates.VM_RUNNING],
    ["DESTROY", vmStates.VM_ABSENT],
  ] as const) {
    const machine = system("stop");
    crash(guestOf(machine, TARGET));
    assert.equal(call(guestOf(machine, CONTROLLER), `HL_VM_${what}`, TARGET), 0n);
    assert.deepEqual(target(machine), [BigInt(state), 1n]);
    const again = machine.running(TARGET);
    assert.equal(again?.sysreg("VBAR_EL1"), what === "DESTROY" ? undefined : 0n);
  }
});

test('"reset": it starts anew, each time, and each time is counted', () => {
  const machine = system("reset");
  for (let n = 1n; n <= 20n; n++) {
    crash(guestOf(machine, TARGET));
    assert.deepEqual(target(machine), [BigInt(vmStates.VM_RUNNING), n]);
    assert.equal(guestOf(machine, TARGET).sysreg("VBAR_EL1"), 0n);
  }
});

test('"stop-all": the run ends with what it was', () => {
  const machine = system("stop-all");
  assert.throws(() => crash(guestOf(machine, TARGET)), PowerOff);
  assert.match(machine.uart.output, /<0>\[.*\] halted: crash vm1: its exception vector at 0x30000200 cannot be fetched\r\n$/);
});

test("a VM that has crashed and was started, stopped, or destroyed since is not what a run ends by; another one that has crashed is", () => {
  const destroyed = ["DESTROY"] as const;
  for (const steps of [["START", "STOP"], ["STOP"], destroyed, [...destroyed, "CREATE"]] as const) {
    const machine = system("stop");
    crash(guestOf(machine, TARGET));
    for (const what of steps) assert.equal(call(guestOf(machine, CONTROLLER), `HL_VM_${what}`, TARGET), 0n, what);
    call(guestOf(machine, BYSTANDER), "PSCI_SYSTEM_OFF");
    assert.throws(() => call(guestOf(machine, CONTROLLER), "PSCI_SYSTEM_OFF"), PowerOff);
    assert.match(machine.uart.output, /halted: off\r\n$/, steps.join());
  }
  const machine = system("stop");
  crash(guestOf(machine, BYSTANDER));
  machine.run.advance(1000n);
  crash(guestOf(machine, TARGET));
  assert.equal(call(guestOf(machine, CONTROLLER), "HL_VM_DESTROY", TARGET), 0n);
  assert.throws(() => call(guestOf(machine, CONTROLLER), "PSCI_SYSTEM_OFF"), PowerOff);
  assert.match(machine.uart.output, /halted: crash vm2: its exception vector/);
});

test("the run ends when no VM is left that does anything: well, or with the last crash", () => {
  const machine = startSystem({ cpus: 2, vms: [{}, {}] });
  crash(guestOf(machine, 0));
  assert.throws(() => call(guestOf(machine, 1), "PSCI_SYSTEM_OFF"), PowerOff);
  assert.match(machine.uart.output, /halted: crash vm0: its exception vector/);
  const good = startSystem({ cpus: 2, vms: [{}, {}] });
  call(guestOf(good, 0), "PSCI_SYSTEM_OFF");
  assert.throws(() => call(guestOf(good, 1), "PSCI_SYSTEM_OFF"), PowerOff);
  assert.match(good.uart.output, /halted: off\r\n$/);
});
