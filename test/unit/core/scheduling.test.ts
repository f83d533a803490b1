// Who runs when, in virtual time: round robin and priorities, vCPUs that wait, shares and caps, affinity; a CPU with one runnable vCPU is left alone.

import assert from "node:assert/strict";
import { test } from "node:test";
import { hcr } from "../../../abi/sysregs.ts";
import type { VmOptions } from "../../../sim/bundles.ts";
import type { Machine } from "../../../sim/machine.ts";
import { RAM_BASE, type SystemStart, startSystem } from "../../../sim/start.ts";
import { call } from "./call.ts";

const ENTRY = BigInt(RAM_BASE + 0x8_0000);
const MS = 62_500n;
const SLICE = 5n * MS;

/** How long each VM has run, by sampling: in parts of `step` for `time`. */
const timesOf = (machine: Machine, time: bigint, step: bigint): Map<number, bigint> => {
  const times = new Map<number, bigint>();
  for (let passed = 0n; passed < time; passed += step) {
    for (const { vcpu, stage2 } of machine.cpus) {
      if (vcpu !== 0) times.set(stage2.vmid - 1, (times.get(stage2.vmid - 1) ?? 0n) + step);
    }
    machine.run.advance(step);
  }
  return times;
};

const shares = (machine: Machine, time: bigint, step: bigint): number[] => {
  const times = [...timesOf(machine, time, step)].sort(([a], [b]) => a - b);
  return times.map(([, ticks]) => (100 * Number(ticks)) / Number(time));
};

const near = (found: readonly number[], wanted: readonly number[], percent: number): void => {
  assert.equal(found.length, wanted.length, `${found}`);
  for (const [n, one] of found.entries()) assert.ok(Math.abs(one - wanted[n]!) <= percent, `${found} are not ${wanted}`);
};

const system = (cpus: number, vms: readonly VmOptions[], more: Partial<SystemStart> = {}): Machine =>
  startSystem({ cpus, vms, ...more });

test("equal VMs on one CPU take turns, a slice each", () => {
  const machine = system(1, [{}, {}, {}]);
  const order: number[] = [];
  for (let n = 0; n < 9; n++) {
    order.push(machine.cpu(0).stage2.vmid);
    machine.run.advance(SLICE);
  }
  assert.deepEqual(order.slice(3), order.slice(0, 6), "always the same round");
  assert.equal(new Set(order).size, 3);
});

test("round robin is equal within 2 %, whatever the numbers", () => {
  near(shares(system(1, [{}, {}]), 2000n * MS, MS), [50, 50], 1);
  near(shares(system(2, [{}, {}, {}]), 2000n * MS, MS), [66.7, 66.7, 66.7], 1.3);
  near(
    shares(
      system(
        1,
        Array.from({ length: 8 }, () => ({})),
      ),
      4000n * MS,
      MS,
    ),
    Array(8).fill(12.5),
    0.25,
  );
});

test("a slice is what the configuration says", () => {
  const machine = system(1, [{}, {}], { scheduler: { policy: "priority", slice: 1000 } });
  const first = machine.cpu(0).stage2.vmid;
  machine.run.advance(MS - 1n);
  assert.equal(machine.cpu(0).stage2.vmid, first);
  machine.run.advance(1n);
  assert.notEqual(machine.cpu(0).stage2.vmid, first);
});

test("the highest priority runs, the others not at all, until it waits", () => {
  const machine = system(1, [{ priority: 4 }, { priority: 9 }, { priority: 4 }]);
  near(shares(machine, 100n * MS, MS), [100], 0);
  const high = machine.running(1);
  assert.ok(high !== undefined);
  call(high, "PSCI_CPU_SUSPEND_64", 0, 0, 0);
  near(shares(machine, 1000n * MS, MS), [50, 50], 1);
});

test("one that wakes takes the CPU from a lower priority at once, and gives it back", () => {
  const machine = system(1, [{ priority: 1 }, { priority: 2 }]);
  const high = machine.running(1);
  assert.ok(high !== undefined);
  // Its virtual timer in a millisecond.
  high.setSysreg("CNTV_CVAL_EL0", machine.timer.virtualCount + MS);
  high.setSysreg("CNTV_CTL_EL0", 1n);
  high.store(0x0800_0000, 0x12n);
  high.store(0x080b_0080, 0xffff_ffffn);
  high.store(0x080b_0100, 1n << 27n);
  high.openInterrupts();
  call(high, "PSCI_CPU_SUSPEND_64", 0, 0, 0);
  assert.ok(machine.running(0) !== undefined);
  machine.run.advance(MS - 1n);
  assert.ok(machine.running(0) !== undefined, "not before its time");
  machine.run.advance(1n);
  assert.equal(machine.running(1), high, "in the very instant");
  assert.equal(high.acknowledge(), 27);
  high.setSysreg("CNTV_CTL_EL0", 0n);
  high.end(27);
  call(high, "PSCI_CPU_SUSPEND_64", 0, 0, 0);
  assert.ok(machine.running(0) !== undefined);
});

test("a CPU with one runnable vCPU takes no tick, and its guest's WFI does not trap; with two it does", () => {
  const machine = system(1, [{ vcpus: 2 }]);
  const alone = machine.running(0);
  assert.ok(alone !== undefined);
  const isTrapped = (): boolean => (machine.cpu(0).registers.read("HCR_EL2") & hcr.HCR_TWI) !== 0n;
  assert.deepEqual([isTrapped(), machine.timer.hypervisor.control & 1], [false, 0]);
  const before = machine.calls;
  machine.run.advance(1000n * SLICE);
  assert.equal(machine.calls, before, "EL2 was never entered");
  call(alone, "PSCI_CPU_ON_64", 1, ENTRY, 0);
  assert.deepEqual([isTrapped(), machine.timer.hypervisor.control & 1], [true, 1]);
  machine.cpu(0).guest?.wfi();
  assert.deepEqual([machine.cpu(0).guest !== undefined, isTrapped()], [true, false], "the other one is alone now");
});

test("a vCPU runs on CPUs of its VM's affinity alone", () => {
  const machine = system(3, [{ affinity: [1] }, { affinity: [1] }, { affinity: [0, 2], vcpus: 3 }]);
  const last = machine.running(2, 0);
  assert.ok(last !== undefined);
  for (const n of [1, 2]) call(machine.running(2, 0) ?? last, "PSCI_CPU_ON_64", n, ENTRY, 0);
  for (let turn = 0; turn < 40; turn++) {
    for (const { index, vcpu, stage2 } of machine.cpus) {
      assert.notEqual(vcpu, 0, `CPU ${index} has work`);
      assert.equal(index === 1, stage2.vmid < 3, `VM ${stage2.vmid - 1} on CPU ${index}`);
    }
    machine.run.advance(SLICE / 3n);
  }
});

test("more CPUs than vCPUs: each has its own, and nobody moves", () => {
  const machine = system(4, [{}, {}, {}]);
  const places = machine.cpus.map(({ vcpu }) => vcpu);
  assert.equal(places.filter((vcpu) => vcpu !== 0).length, 3);
  machine.run.advance(100n * SLICE);
  assert.deepEqual(
    machine.cpus.map(({ vcpu }) => vcpu),
    places,
  );
});

test("proportional share: 3 to 1 within 5 %, and with a third that sleeps most of the time", () => {
  const policy = { scheduler: { policy: "share", slice: 5000 } } as const;
  near(shares(system(1, [{ share: 300 }, { share: 100 }], policy), 10_000n * MS, MS), [75, 25], 1.25);
  near(shares(system(1, [{ share: 100 }, { share: 100 }, { share: 200 }], policy), 4000n * MS, MS), [25, 25, 50], 1.25);
});

test("a cap holds though nobody else wants the CPU, and caps do not starve", () => {
  const policy = { scheduler: { policy: "share", slice: 5000 } } as const;
  near(shares(system(1, [{ cap: 30 }], policy), 4000n * MS, MS), [30], 1.5);
  near(shares(system(1, [{ cap: 20 }, {}], policy), 4000n * MS, MS), [20, 80], 1.5);
});

test("HL_YIELD gives the rest of a slice away, to those of the same priority alone", () => {
  const machine = system(1, [{}, {}, { priority: 1 }]);
  const order: number[] = [];
  for (let n = 0; n < 6; n++) {
    order.push(machine.cpu(0).stage2.vmid - 1);
    const guest = machine.cpu(0).guest;
    assert.ok(guest !== undefined);
    call(guest, "HL_YIELD");
  }
  assert.deepEqual(order.slice(2), order.slice(0, 4));
  assert.deepEqual(new Set(order), new Set([0, 1]));
});

for (const [what, more] of [
  ["a second", 1000n * MS],
  ["a month", 2_600_000_000n * MS],
] as const) {
  test(`proportional share: who was paused while another one ran alone for ${what} gets its share then, and no more`, () => {
    const policy = { scheduler: { policy: "share", slice: 5000 } } as const;
    const machine = system(
      2,
      [
        { controller: true, affinity: [1] },
        { affinity: [0], share: 1 },
        { affinity: [0], share: 1 },
      ],
      policy,
    );
    const controller = machine.running(0);
    assert.ok(controller !== undefined);
    for (const vm of [1, 2]) {
      call(controller, "HL_VM_PAUSE", vm);
      machine.run.advance(more);
      call(controller, "HL_VM_RESUME", vm);
      near(shares(machine, 1000n * MS, MS), [100, 50, 50], 1);
    }
  });
}

test("proportional share: a VM with a small share that is alone on its CPU holds nobody back elsewhere", () => {
  const policy = { scheduler: { policy: "share", slice: 5000 } } as const;
  const others = { affinity: [0], share: 10_000 };
  const machine = system(2, [{ controller: true, ...others }, { affinity: [1], share: 1 }, others], policy);
  const turn = (what: "PAUSE" | "RESUME", vm: number): void => {
    while (machine.running(0) === undefined) machine.run.advance(MS);
    assert.equal(call(machine.running(0) ?? assert.fail(), `HL_VM_${what}`, vm), 0n);
  };
  machine.run.advance(1000n * MS);
  turn("PAUSE", 2);
  for (let n = 0; n < 10; n++) {
    machine.run.advance(100n * MS);
    turn("PAUSE", 1);
    turn("RESUME", 1);
  }
  turn("RESUME", 2);
  near(shares(machine, 1000n * MS, MS), [50, 100, 50], 1);
});
