// Several hostile VMs on several CPUs, whose exits come in an order that a seed chooses: whatever they do, no rule of the machine is broken, no VM that
// is not meant notices, and nothing is lost. A failure names its seed and comes again with it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { vmFacts } from "../../../abi/calls.ts";
import { guest as guestMachine } from "../../../abi/guest.ts";
import { trappedRegisters } from "../../../abi/sysregs.ts";
import { max } from "../../../sim/cpu-model.ts";
import type { Guest } from "../../../sim/guest.ts";
import type { Machine } from "../../../sim/machine.ts";
import { type Random, randomOf } from "../../../sim/random.ts";
import { RAM_BASE, startSystem } from "../../../sim/start.ts";
import { call } from "./call.ts";

const ENTRY = BigInt(RAM_BASE + 0x8_0000);
const { GICD_BASE, GICR_BASE, GICR_STRIDE, UART_BASE, RTC_BASE } = guestMachine;
const CONTROLLER = 0;
const VMS = 4;
const STEPS = 400;
/** So long a VM's work may wait for its cap: a few of the periods of 100 ms. */
const CAP_PERIODS = 20_000_000n;

const gicRegisters = [0x80, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380, 0x400, 0xc00];

/** Something that any guest may do. */
const act = (guest: Guest, random: Random): void => {
  const bits = BigInt(random(2 ** 32));
  const gicWord = gicRegisters[random(gicRegisters.length)]! + 4 * random(3);
  const frame = GICR_BASE + random(5) * GICR_STRIDE;
  const actions: (() => unknown)[] = [
    () => call(guest, "PSCI_CPU_ON_64", random(5), ENTRY, bits),
    () => call(guest, "PSCI_CPU_OFF"),
    () => call(guest, "PSCI_CPU_SUSPEND_64", 0, 0, 0),
    () => call(guest, "PSCI_AFFINITY_INFO_64", random(5), 0),
    () => random(20) === 0 && call(guest, "PSCI_SYSTEM_RESET"),
    () => call(guest, "HL_YIELD"),
    () => call(guest, "HL_DOORBELL", random(3)),
    () => guest.wfi(),
    () => guest.useFp(),
    () => guest.openInterrupts(),
    () => guest.end(guest.acknowledge()),
    () => guest.acknowledge(),
    () => guest.msr(trappedRegisters.ICC_SGI1R_EL1, (BigInt(random(16)) << 24n) | (BigInt(random(2)) << 40n) | (bits & 0x1fn)),
    () => guest.msr(trappedRegisters.ICC_SGI0R_EL1, (BigInt(random(16)) << 24n) | (bits & 0x1fn)),
    () => guest.msr(trappedRegisters.CNTP_TVAL_EL0, BigInt(random(400_000))),
    () => guest.msr(trappedRegisters.CNTP_CTL_EL0, bits & 3n),
    () => guest.store(GICD_BASE, bits & 0x3n),
    () => guest.store(GICD_BASE + gicWord, bits),
    () => guest.load(GICD_BASE + gicWord),
    () => guest.store(GICD_BASE + 0x6000 + 8 * (32 + random(64)), BigInt(random(5)), { bytes: 8 }),
    () => guest.store(frame + 0x14, bits & 2n),
    () => guest.store(frame + 0x1_0000 + gicWord, bits),
    () => guest.load(frame + 0x1_0000 + gicWord),
    () => guest.store(UART_BASE + 0x38, bits & 0x7ffn),
    () => guest.store(UART_BASE, bits & 0x7fn),
    () => guest.store(RTC_BASE + 4, bits),
    () => {
      guest.setSysreg("CNTV_CVAL_EL0", guest.cpu.timer.virtualCount + BigInt(random(400_000)));
      guest.setSysreg("CNTV_CTL_EL0", bits & 3n);
    },
    () => guest.setSysreg("TPIDR_EL1", bits),
    () => guest.store(RAM_BASE + 8 * random(0x10_0000), bits, { bytes: 8 }),
    () => guest.fetch(0x3000_0000),
  ];
  actions[random(actions.length)]!();
};

const changes = ["CREATE", "START", "START", "PAUSE", "RESUME", "RESUME", "RESET", "STOP", "DESTROY"];

/** What stays as it is in the controller, which nobody may disturb. */
const mark = (controller: Guest): void => controller.setSysreg("TPIDR_EL0", 0x600dn);

const free = (controller: Guest): bigint[] =>
  (["VM_FACT_FREE_MEMORY", "VM_FACT_FREE_TABLES"] as const).map((name) => {
    assert.equal(call(controller, "HL_VM_FACT", vmFacts[name]), 0n);
    return controller.x(1);
  });

/** The controller, as soon as it has a CPU. */
const controllerOf = (machine: Machine): Guest => {
  for (let n = 0; n < 200; n++) {
    const found = machine.running(CONTROLLER);
    if (found !== undefined) return found;
    machine.run.advance(100_000n);
  }
  return assert.fail("the controller does not come to run");
};

const live = (seed: number): void => {
  const random = randomOf(seed);
  const cpus = 1 + random(4);
  // Under fixed priorities a controller that never waits leaves nobody else the only CPU.
  const policy = cpus > 1 && random(2) === 0 ? "priority" : "share";
  const vms = Array.from({ length: VMS }, (_, n) => ({
    controller: n === CONTROLLER,
    vcpus: n === CONTROLLER ? 1 : 1 + random(4),
    priority: n === CONTROLLER ? 9 : 8 + random(2),
    cap: n !== CONTROLLER && random(4) === 0 ? 50 : undefined,
    crashPolicy: random(2) === 0 ? ("stop" as const) : ("reset" as const),
    timeOnPause: random(2) === 0 ? ("stop" as const) : ("run" as const),
  }));
  const doorbells: [string, string][] = [
    ["vm0", "vm1"],
    ["vm1", "vm2"],
    ["vm2", "vm3"],
  ];
  const cpu = random(2) === 0 ? undefined : max;
  const machine = startSystem({
    cpus,
    machine: { pick: (called) => called[random(called.length)], ...(cpu && { cpu }) },
    vms,
    doorbells,
    scheduler: { policy, slice: 1000 },
  });
  machine.callLimit = 3_000_000;
  mark(controllerOf(machine));
  for (let step = 0; step < STEPS; step++) {
    const { guest } = machine.cpu(random(machine.cpus.length));
    if (random(8) === 0) machine.run.advance(BigInt(random(200_000)));
    else if (guest === undefined) continue;
    else if (guest !== machine.running(CONTROLLER)) act(guest, random);
    else call(guest, `HL_VM_${changes[random(changes.length)]}`, 1 + random(VMS - 1));
  }
  assert.equal(controllerOf(machine).sysreg("TPIDR_EL0"), 0x600dn);
  for (let vm = 1; vm < VMS; vm++) call(controllerOf(machine), "HL_VM_DESTROY", vm);
  machine.run.advance(CAP_PERIODS);
  const before = free(controllerOf(machine));
  for (let vm = 1; vm < VMS; vm++) assert.equal(call(controllerOf(machine), "HL_VM_CREATE", vm), 0n);
  for (let vm = 1; vm < VMS; vm++) call(controllerOf(machine), "HL_VM_DESTROY", vm);
  machine.run.advance(CAP_PERIODS);
  assert.deepEqual(free(controllerOf(machine)), before);
};

const only = process.env.SEED;
const seeds = only === undefined ? Array.from({ length: 40 }, (_, n) => n + 1) : [Number(only)];
for (const seed of seeds) test(`seed ${seed} (SEED=${seed} repeats it)`, () => live(seed));
