// Nobody keeps a CPU, or keeps a vCPU from it, by the moment at which something comes: the end of a slice goes before requests of other CPUs, whoever is
// woken by a read runs, and who waits behind a VM's work finds another CPU.

import assert from "node:assert/strict";
import { test } from "node:test";
import { guest as guestMachine } from "../../../abi/guest.ts";
import { trappedRegisters } from "../../../abi/sysregs.ts";
import { ec, type Guest } from "../../../sim/guest.ts";
import type { Machine } from "../../../sim/machine.ts";
import { RAM_BASE, startSystem } from "../../../sim/start.ts";
import { call, id } from "./call.ts";

const ENTRY = BigInt(RAM_BASE + 0x8_0000);
const SLICE = 5n * 62_500n;
const { GICD_BASE, GICR_BASE } = guestMachine;
const { ICC_SGI1R_EL1 } = trappedRegisters;

const running = (machine: Machine, vm: number, vcpu = 0): Guest => {
  const guest = machine.running(vm, vcpu);
  assert.ok(guest !== undefined, `vCPU ${vcpu} of VM ${vm} runs`);
  return guest;
};

test("the end of a slice comes before requests of other CPUs, and the next vCPU before these are looked at", () => {
  const machine = startSystem({ cpus: 2, vms: [{ vcpus: 2 }, { affinity: [0] }] });
  call(running(machine, 0), "PSCI_CPU_ON_64", 1, ENTRY, 0);
  // The other VM is filled, and it is the turn of a vCPU of the first again.
  machine.run.advance(2n * SLICE);
  for (let n = 0; n < 8 && machine.running(1) !== undefined; n++) machine.run.advance(SLICE);
  const [a, b] = [running(machine, 0), running(machine, 0, 1)];
  const [victim, sender] = a.cpu.index === 0 ? [a, b] : [b, a];
  const { cpu } = victim;
  sender.setX(0, (2n << 24n) | (victim === a ? 1n : 2n));
  const [op0, op1, crn, crm, op2] = ICC_SGI1R_EL1;
  const iss = (op0! << 20) | (op2! << 17) | (op1! << 14) | (crn! << 10) | (crm! << 1);
  sender.trap((BigInt(ec.SYSREG) << 26n) | (1n << 25n) | BigInt(iss));
  machine.counter.count += SLICE;
  machine.run.exit(cpu, () => machine.core.onIrq(cpu.vcpu));
  assert.notEqual(cpu.vcpu, victim.vcpu);
  assert.ok(cpu.isCalled, "the request is still to be looked at");
});

test("a vCPU that a read wakes gets its turn, though the one that reads does nothing else", () => {
  const machine = startSystem({ cpus: 1, vms: [{ vcpus: 2 }] });
  const first = running(machine, 0);
  first.store(GICD_BASE, 0x12n);
  call(first, "PSCI_CPU_ON_64", 1, ENTRY, 0);
  call(first, "HL_YIELD");
  const second = running(machine, 0, 1);
  second.store(GICR_BASE + 0x2_0000 + 0x1_0080, 0xffff_ffffn);
  second.store(GICR_BASE + 0x2_0000 + 0x1_0100, 0xffff_ffffn);
  call(second, "PSCI_CPU_SUSPEND_64", 0, 0, 0);
  // The other one's redistributor: looking into it has its vCPU look as well.
  first.load(GICR_BASE + 0x2_0000 + 0x1_0200);
  const before = second.where;
  machine.run.advance(SLICE);
  assert.deepEqual([before, second.where], [undefined, machine.cpu(0)]);
});

test("a vCPU whose CPU does the work of a more urgent VM runs on another one", () => {
  const vms = [
    { controller: true, affinity: [0], priority: 9 },
    { affinity: [1], priority: 5 },
    { affinity: [1, 2], priority: 1 },
    { affinity: [2], priority: 3 },
  ];
  const machine = startSystem({ cpus: 3, vms });
  const blocked = running(machine, 3);
  const urgent = running(machine, 1);
  call(urgent, "PSCI_CPU_SUSPEND_64", 0, 0, 0);
  assert.equal(running(machine, 2).cpu.index, 1);
  call(blocked, "PSCI_CPU_SUSPEND_64", 0, 0, 0);
  const controller = running(machine, 0);
  // The work begins on CPU 1, and CPU 2 has nothing to do before it ends.
  call(controller, "HL_VM_RESET", 1);
  assert.equal(running(machine, 2).cpu.index, 2);
});

test("two that are woken in the same moment take the CPUs of the two least urgent", () => {
  const vms = [
    { controller: true, affinity: [0], priority: 9 },
    { affinity: [1, 2], priority: 7 },
    { affinity: [1, 2], priority: 5 },
    { affinity: [1, 2], priority: 1 },
    { affinity: [1, 2], priority: 1 },
  ];
  const machine = startSystem({ cpus: 3, vms });
  const controller = running(machine, 0);
  for (const vm of [1, 2]) call(controller, "HL_VM_PAUSE", vm);
  for (const vm of [3, 4]) running(machine, vm);
  // Both are to go on before CPU 1 or 2 has noticed the first.
  const resume = (vm: bigint): void => {
    controller.setX(0, id("HL_VM_RESUME"));
    controller.setX(1, vm);
    controller.pc += 4n;
    controller.trap((BigInt(ec.HVC) << 26n) | (1n << 25n));
  };
  resume(1n);
  resume(2n);
  machine.run.proceed();
  for (const vm of [1, 2]) running(machine, vm);
});
