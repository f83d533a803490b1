// Attacks by PSCI: rows 11 to 15.

import assert from "node:assert/strict";
import { vmStates } from "../../../abi/calls.ts";
import { guest as guestMachine } from "../../../abi/guest.ts";
import type { Guest } from "../../../sim/guest.ts";
import { RAM_BASE } from "../../../sim/start.ts";
import { MIB } from "../../../tool/size.ts";
import { call, error } from "../../unit/core/call.ts";
import { attack } from "./attack.ts";
import { assertAborted, callUnnoticed, ENTRY } from "./guests.ts";
import { CONTROLLER, HEALTHY, HOSTILE, MS } from "./scene.ts";

const INVALID_PARAMETERS = error("INVALID_PARAMETERS");
const RAM_END = RAM_BASE + 16 * MIB;
const PEER = 2;
const { VM_OFF: OFF, VM_RUNNING: RUNNING } = vmStates;

/** Affinities that are none of a VM's with two vCPUs. */
const foreign = [
  2, 3, 7, 8, 0xff, 0x100, 0x101, 0x1_0000, 0xff_ffff, 0x0100_0000, 0x4000_0000, 0x4000_0001, 0x8000_0000, 0x8000_0001,
];
const foreignWide = [1n << 32n, (1n << 32n) | 1n, 1n << 39n, 1n << 63n, 0xffff_ffff_ffff_ffffn];

attack(
  11,
  "CPU_ON and AFFINITY_INFO reach no vCPU but the VM's own: one of another VM with more of them stays off",
  (scene) => {
    const { hostile } = scene;
    for (const mpidr of [...foreign.map(BigInt), ...foreignWide]) {
      for (const name of ["PSCI_CPU_ON_32", "PSCI_CPU_ON_64"]) {
        // A call of 32 bits sees the low halves.
        const isOwn = name.endsWith("32") && (mpidr & 0xffff_ffffn) < 2n;
        if (!isOwn) assert.equal(call(hostile, name, mpidr, ENTRY, 0), INVALID_PARAMETERS, `${name} ${mpidr}`);
      }
      assert.equal(call(hostile, "PSCI_AFFINITY_INFO_64", mpidr, 0), INVALID_PARAMETERS);
    }
    const peer = scene.vcpu(PEER);
    for (let n = 1; n < 4; n++) assert.equal(call(peer, "PSCI_AFFINITY_INFO_64", n, 0), 1n, `vCPU ${n} of the peer is off`);
  },
  { hostile: { vcpus: 2 }, more: [{ vcpus: 4 }] },
);

attack(
  12,
  "two vCPUs start a third one in the same moment: one starts it, at its entry, the other is told that it is on",
  (scene) => {
    const { machine } = scene;
    assert.equal(call(scene.hostile, "PSCI_CPU_ON_64", 1, ENTRY, 0), 0n);
    for (let round = 0; round < 50; round++) {
      const pair = [scene.vcpu(HOSTILE, 0), scene.vcpu(HOSTILE, 1)];
      const order = round % 2 === 0 ? pair : pair.toReversed();
      const answers = order.map((guest, n) => callUnnoticed(guest, "PSCI_CPU_ON_64", 2, ENTRY + BigInt(16 * n), round * 2 + n));
      assert.deepEqual(answers, [0n, error("ALREADY_ON")]);
      machine.run.settle();
      const third = scene.vcpu(HOSTILE, 2);
      assert.deepEqual([third.pc, third.x(0)], [ENTRY, BigInt(round * 2)], "it is the first one's");
      call(third, "PSCI_CPU_OFF");
    }
  },
  { hostile: { vcpus: 3 }, places: ["apart"] },
);

attack(
  12,
  "a vCPU that is going off is on until its CPU has let go of it, whoever would start it again",
  (scene) => {
    const { machine } = scene;
    assert.equal(call(scene.hostile, "PSCI_CPU_ON_64", 1, ENTRY, 0), 0n);
    const [first, second] = [scene.vcpu(HOSTILE, 0), scene.vcpu(HOSTILE, 1)];
    for (let round = 0; round < 50; round++) {
      callUnnoticed(scene.vcpu(HOSTILE, 1), "PSCI_CPU_OFF");
      const isLoaded = machine.cpus.some(
        ({ stage2, registers }) => stage2.vmid === 1 && (registers.read("VMPIDR_EL2") & 0xffn) === 1n,
      );
      const answer = callUnnoticed(first, "PSCI_CPU_ON_64", 1, ENTRY, round);
      assert.equal(answer, isLoaded ? error("ALREADY_ON") : 0n);
      machine.run.settle();
      if (answer !== 0n) assert.equal(call(first, "PSCI_CPU_ON_64", 1, ENTRY, round), 0n);
      machine.run.settle();
      assert.equal(scene.vcpu(HOSTILE, 1).x(0), BigInt(round));
    }
    assert.ok(second.where !== undefined);
  },
  { hostile: { vcpus: 2 }, places: ["apart"] },
);

/** What is no memory of the VM. */
const nowhere = [
  0n,
  4n,
  BigInt(guestMachine.GICD_BASE),
  BigInt(guestMachine.UART_BASE),
  BigInt(RAM_BASE - 4),
  BigInt(RAM_END),
  BigInt(RAM_END + 4),
  BigInt(RAM_BASE) | (1n << 39n),
  (1n << 39n) - 4n,
  1n << 48n,
  0xffff_0000_4008_0000n,
  0xffff_ffff_ffff_fffcn,
];

attack(
  13,
  "CPU_ON with an entry where nothing, or a device, is: INVALID_ADDRESS, and the vCPU stays off",
  ({ hostile }) => {
    for (const entry of nowhere) {
      assert.equal(call(hostile, "PSCI_CPU_ON_64", 1, entry, 0), error("INVALID_ADDRESS"), entry.toString(16));
      assert.equal(call(hostile, "PSCI_AFFINITY_INFO_64", 1, 0), 1n);
    }
  },
  { hostile: { vcpus: 2 } },
);

attack(
  13,
  "CPU_ON into memory that is not executable, and at the last instruction of RAM: an abort inside the guest",
  (scene) => {
    assert.equal(call(scene.hostile, "PSCI_CPU_ON_64", 1, BigInt(guestMachine.SHARED_BASE), 0), 0n);
    const second = scene.vcpu(HOSTILE, 1);
    assert.equal(second.pc, BigInt(guestMachine.SHARED_BASE));
    assertAborted(second, () => second.fetch(guestMachine.SHARED_BASE), { fetch: true, at: BigInt(guestMachine.SHARED_BASE) });
    call(scene.vcpu(HOSTILE, 1), "PSCI_CPU_OFF");
    scene.machine.run.advance(MS);
    assert.equal(call(scene.hostile, "PSCI_CPU_ON_64", 1, RAM_END - 4, 0), 0n);
    const again = scene.vcpu(HOSTILE, 1);
    assert.equal(again.fetch(RAM_END - 4), true);
    // It goes on behind the end of its RAM.
    assertAborted(again, () => again.fetch(RAM_END), { fetch: true, at: BigInt(RAM_END) });
  },
  {
    hostile: { vcpus: 2, shared: [{ region: "common", readOnly: false }] },
    more: [{ shared: [{ region: "common", readOnly: false }] }],
    system: { shared: [{ name: "common", size: 2 * MIB }] },
  },
);

attack(
  14,
  "AFFINITY_INFO with absurd affinities and levels: INVALID_PARAMETERS, and no state changes",
  ({ hostile }) => {
    for (const name of ["PSCI_AFFINITY_INFO_32", "PSCI_AFFINITY_INFO_64"]) {
      for (const mpidr of foreign) assert.equal(call(hostile, name, mpidr, 0), INVALID_PARAMETERS, `${name} ${mpidr}`);
      for (const level of [1, 2, 3, 4, 0x7fff_ffff, 0xffff_ffff]) {
        for (const mpidr of [0, 1]) assert.equal(call(hostile, name, mpidr, level), INVALID_PARAMETERS, `level ${level}`);
      }
      assert.deepEqual(
        [0, 1].map((n) => call(hostile, name, n, 0)),
        [0n, 1n],
      );
    }
    for (const mpidr of foreignWide) assert.equal(call(hostile, "PSCI_AFFINITY_INFO_64", mpidr, 0), INVALID_PARAMETERS);
    for (const level of foreignWide) assert.equal(call(hostile, "PSCI_AFFINITY_INFO_64", 0, level), INVALID_PARAMETERS);
  },
  { hostile: { vcpus: 2 } },
);

/** Ends of a VM by its own call. */
const ends = ["PSCI_SYSTEM_OFF", "PSCI_SYSTEM_RESET", "PSCI_CPU_OFF"] as const;

attack(
  15,
  "SYSTEM_OFF, SYSTEM_RESET and the last CPU_OFF, from any vCPU: this VM alone ends or starts anew; destroyed, it gives back all",
  (scene) => {
    const control = (what: "CREATE" | "START" | "DESTROY"): void => scene.control(what, HOSTILE);
    control("DESTROY");
    const before = scene.free;
    for (const [name, caller] of ends.flatMap((end) => [0, 1].map((n) => [end, n] as const))) {
      control("CREATE");
      control("START");
      scene.startAll();
      if (name === "PSCI_CPU_OFF") call(scene.vcpu(HOSTILE, 1 - caller), name);
      call(scene.vcpu(HOSTILE, caller), name);
      scene.machine.run.advance(MS);
      scene.settle(HOSTILE);
      const wanted = name === "PSCI_SYSTEM_RESET" ? RUNNING : OFF;
      assert.equal(scene.stateOf(HOSTILE), wanted, name);
      if (name === "PSCI_SYSTEM_RESET") assert.equal(call(scene.hostile, "PSCI_AFFINITY_INFO_64", 1, 0), 1n);
      for (const vm of [HEALTHY, CONTROLLER]) assert.equal(scene.stateOf(vm), RUNNING);
      control("DESTROY");
      assert.deepEqual(scene.free, before, name);
    }
  },
  { hostile: { vcpus: 2 }, controller: true },
);

/** Two calls in one moment, from two CPUs: what the VM's state may be afterwards. */
const races: [first: string, second: string, states: readonly number[]][] = [
  ["PSCI_SYSTEM_OFF", "PSCI_SYSTEM_OFF", [OFF]],
  ["PSCI_SYSTEM_OFF", "PSCI_SYSTEM_RESET", [OFF]],
  ["PSCI_SYSTEM_RESET", "PSCI_SYSTEM_OFF", [RUNNING]],
  ["PSCI_SYSTEM_RESET", "PSCI_SYSTEM_RESET", [RUNNING]],
  ["PSCI_CPU_OFF", "PSCI_CPU_OFF", [OFF]],
  ["PSCI_CPU_OFF", "PSCI_SYSTEM_OFF", [OFF]],
  ["PSCI_SYSTEM_RESET", "PSCI_CPU_OFF", [RUNNING]],
];

attack(
  15,
  "two vCPUs end their VM in the same moment, in any two ways: it ends once, and as the first one said",
  (scene) => {
    for (const [first, second, states] of races) {
      if (scene.stateOf(HOSTILE) !== RUNNING) assert.equal(call(scene.controller, "HL_VM_START", HOSTILE), 0n);
      scene.settle(HOSTILE);
      scene.startAll();
      const [one, other] = [scene.vcpu(HOSTILE, 0), scene.vcpu(HOSTILE, 1)];
      callUnnoticed(one, first);
      callUnnoticed(other, second);
      scene.machine.run.settle();
      scene.settle(HOSTILE);
      assert.ok(states.includes(scene.stateOf(HOSTILE)), `${first}, then ${second}`);
      const isThere = (guest: Guest): boolean => guest.where !== undefined;
      assert.equal([one, other].some(isThere), states.includes(RUNNING));
    }
  },
  { hostile: { vcpus: 2 }, controller: true, places: ["apart"] },
);

attack(
  15,
  "a VM that ends while the controller pauses, resumes, resets or stops it: one after the other, and it can always be started again",
  (scene) => {
    for (const what of ["PAUSE", "RESET", "STOP", "DESTROY"]) {
      for (const end of ["PSCI_SYSTEM_OFF", "PSCI_SYSTEM_RESET"]) {
        for (const controllerFirst of [true, false]) {
          const guest = scene.hostile;
          const steps = [() => callUnnoticed(scene.controller, `HL_VM_${what}`, HOSTILE), () => callUnnoticed(guest, end)];
          for (const step of controllerFirst ? steps : steps.toReversed()) step();
          scene.machine.run.settle();
          scene.settle(HOSTILE);
          const state = scene.stateOf(HOSTILE);
          if (state === vmStates.VM_ABSENT) assert.equal(call(scene.controller, "HL_VM_CREATE", HOSTILE), 0n);
          if (state === vmStates.VM_PAUSED) assert.equal(call(scene.controller, "HL_VM_STOP", HOSTILE), 0n);
          if (scene.stateOf(HOSTILE) !== RUNNING) assert.equal(call(scene.controller, "HL_VM_START", HOSTILE), 0n);
          scene.settle(HOSTILE);
          assert.equal(scene.stateOf(HOSTILE), RUNNING, `${what} and ${end}`);
        }
      }
    }
  },
  { controller: true, places: ["apart"] },
);
