// Attacks on what is mapped, and on what was: rows 33 to 38.

import assert from "node:assert/strict";
import { vmStates } from "../../../abi/calls.ts";
import { guest as guestMachine } from "../../../abi/guest.ts";
import { hcr } from "../../../abi/sysregs.ts";
import { bundleOfSystem, type VmOptions } from "../../../sim/bundles.ts";
import { PowerOff, Violation } from "../../../sim/faults.ts";
import type { Guest } from "../../../sim/guest.ts";
import { outputOf, RAM_BASE, start } from "../../../sim/start.ts";
import { MIB } from "../../../tool/size.ts";
import { call, error } from "../../unit/core/call.ts";
import { attack, attackAlone } from "./attack.ts";
import { assertAborted, callUnnoticed, EL1H, VECTORS } from "./guests.ts";
import { HEALTHY, HOSTILE, MS } from "./scene.ts";

const RAM_END = RAM_BASE + 16 * MIB;
const XZR = 31;

attack(
  33,
  "while a CPU may have a translation of a VM that is destroyed, nothing of it is unmapped or given back; afterwards nobody has any",
  (scene) => {
    const { machine } = scene;
    const { door, order } = machine;
    for (let round = 0; round < 3; round++) {
      scene.startAll();
      const [first, second] = [scene.vcpu(HOSTILE, 0), scene.vcpu(HOSTILE, 1)];
      const { root } = first.cpu.stage2;
      const clearEntry = door.clearEntry.bind(door);
      let cleared = 0;
      door.clearEntry = (table, index) => {
        cleared++;
        assert.ok(!machine.cpus.some(({ stage2 }) => stage2.root === root), "a CPU is in the VM whose memory is taken out");
        clearEntry(table, index);
      };
      // Neither of its CPUs has heard of it when the call returns.
      assert.equal(callUnnoticed(scene.controller, "HL_VM_DESTROY", HOSTILE), 0n);
      assert.deepEqual([cleared, first.where !== undefined, second.where !== undefined], [0, true, true]);
      first.store(RAM_BASE + 0x3000, 0x1234n);
      machine.run.settle();
      assert.deepEqual([first.where, second.where], [undefined, undefined]);
      for (let n = 0; scene.stateOf(HOSTILE) !== vmStates.VM_ABSENT && n < 100; n++) machine.run.advance(MS);
      door.clearEntry = clearEntry;
      assert.ok(cleared > 0);
      assert.ok(!order.tlb.mayHold(root), "no TLB holds anything of it");
      scene.control("CREATE", HOSTILE);
      scene.control("START", HOSTILE);
      assert.equal(scene.hostile.load(RAM_BASE + 0x3000), 0n);
    }
  },
  { hostile: { vcpus: 2 }, controller: true, places: ["apart"] },
);

/** Pages side by side in one block of 2 MiB, each with rights of its own, and a hole between. */
const neighbours = [
  { ipa: 0x2000_0000, size: 0x1000, readOnly: true, file: Buffer.from("first") },
  { ipa: 0x2000_1000, size: 0x1000, readOnly: false, file: Buffer.from("second") },
  { ipa: 0x2000_3000, size: 0x1000, readOnly: false, file: Buffer.from("fourth") },
];
const textAt = (guest: Guest, ipa: number): string => Buffer.from(guest.memory(ipa, 6)).toString("latin1").replace(/\0.*$/, "");

attack(
  34,
  "pages side by side keep their own contents and rights, and other VMs their memory, while one between them comes and goes",
  (scene) => {
    const { hostile } = scene;
    assert.deepEqual(
      [0, 1, 3].map((n) => textAt(hostile, 0x2000_0000 + n * 0x1000)),
      ["first", "second", "fourth"],
    );
    assertAborted(hostile, () => hostile.store(0x2000_0000, 0n, { rt: XZR }), { what: "read-only" });
    hostile.store(0x2000_1ffc, 0x41n);
    assert.equal(textAt(hostile, 0x2000_0000), "first");
    assertAborted(hostile, () => hostile.load(0x2000_2000), { what: "the hole" });
    assertAborted(hostile, () => hostile.load(0x2000_2ffc), { what: "the hole" });
    const places = (): number[][] => scene.hostile.leaves.map(({ input, output }) => [input, output]);
    const before = places();
    for (let round = 0; round < 5; round++) {
      scene.control("CREATE", 3);
      scene.control("START", 3);
      scene.control("DESTROY", 3);
    }
    assert.deepEqual(places(), before);
    // The core replaces nothing: where something is mapped the door lets nothing else be.
    const { door } = scene.machine;
    const root = BigInt(scene.hostile.cpu.stage2.root);
    assert.throws(
      () => door.writeLeaf(root, 1, 0x4000_0401n),
      (thrown) => thrown instanceof Violation && /REFUSE_LEAF/.test(thrown.message),
    );
  },
  { hostile: { regions: neighbours }, controller: true, more: [{ autostart: false, regions: neighbours }] },
);

attackAlone(34, "what would split or cover a block is refused before anything starts, with one message", () => {
  const onRam = { ipa: RAM_BASE + 0x1000, size: 0x1000, readOnly: false };
  const overEnd = { ipa: RAM_END - 0x1000, size: 0x2000, readOnly: false };
  for (const vm of [{ regions: [onRam] }, { regions: [overEnd] }, { regions: [neighbours[0]!, neighbours[0]!] }]) {
    const { output, thrown } = outputOf({ vm }, () => undefined);
    assert.ok(thrown instanceof PowerOff);
    assert.match(output, /halted: crash the bundle is corrupt: the memory at 0x[0-9a-f]+ is mapped twice\r\n$/);
  }
});

attack(
  35,
  "maintenance by set and way does not come to EL2, invalidates no more than it cleans, and a loop of it is preempted",
  (scene) => {
    const { hostile } = scene;
    const TSW = 1n << 22n;
    const controls = hostile.sysreg("HCR_EL2");
    assert.deepEqual([controls & TSW, controls & hcr.HCR_SWIO], [0n, hcr.HCR_SWIO], "DC ISW is DC CISW (HCR_EL2.SWIO)");
    const exits = (): bigint => {
      call(scene.hostile, "HL_VCPU_FACT", 1);
      return scene.hostile.x(1);
    };
    const before = exits();
    const share = scene.shareOf(HEALTHY, 200);
    assert.ok(Math.abs(share - 50) <= 3, `${share} %`);
    assert.equal(exits() - before, 1n, "but for the question itself");
  },
  { places: ["together"] },
);

const manyRegions = Array.from({ length: 8 }, (_, n) => ({ ipa: (n + 1) * 2 ** 33, size: 0x1000, readOnly: false }));
/** VMs that differ in their quota: each region takes two tables of its own. */
const quotas = [1, 2, 3, 8, 17, 18, 19, 20, 21, 22];

attack(
  36,
  "a VM whose quota of tables does not do is not made, and takes nothing; what a guest does takes none",
  (scene) => {
    const before = scene.free;
    const made = quotas.map((_, n) => {
      const answer = call(scene.controller, "HL_VM_CREATE", 3 + n);
      if (answer !== 0n) assert.equal(answer, error("NO_MEMORY"));
      if (answer !== 0n) assert.deepEqual(scene.free, before, `a quota of ${quotas[n]}`);
      else scene.control("DESTROY", 3 + n);
      assert.deepEqual(scene.free, before);
      return answer === 0n;
    });
    const first = made.indexOf(true);
    assert.ok(first > 0 && made.every((one, n) => one === n >= first), `${made}`);
    const { hostile } = scene;
    for (let n = 0; n < 3000; n++) {
      const address = (n * 0x1357_9bd1) % 2 ** 39;
      hostile.setSysreg("VBAR_EL1", VECTORS);
      hostile.pstate = EL1H;
      hostile.load(address - (address % 8), { bytes: 8, rt: 3 });
    }
    assert.deepEqual(scene.free, before);
  },
  {
    hostile: { tableQuota: 6 },
    controller: true,
    more: quotas.map((tableQuota): VmOptions => ({ autostart: false, memory: 2 * MIB, regions: manyRegions, tableQuota })),
    places: ["together"],
  },
);

attack(
  37,
  "64 VMs have 64 VMIDs, each its own, and each starts under it again after its end",
  (scene) => {
    const { machine } = scene;
    const roots = new Map<number, number>();
    for (let vm = 0; vm < 64; vm++) roots.set(vm, scene.vcpu(vm).cpu.stage2.root);
    assert.equal(new Set(roots.values()).size, 64);
    for (const vm of [3, 40, 63]) {
      call(scene.vcpu(vm), "PSCI_SYSTEM_RESET");
      assert.equal(scene.vcpu(vm).cpu.stage2.vmid, vm + 1);
      assert.equal(machine.cpu(0).stage2.root, roots.get(vm));
    }
  },
  { more: Array.from({ length: 62 }, () => ({ memory: 2 * MIB })), places: ["together"] },
);

attackAlone(37, "a system of 65 VMs is refused with one message", () => {
  const node = (n: number): VmOptions => ({ name: `vm${n}`, memory: 2 * MIB });
  const bundle = bundleOfSystem({ vms: Array.from({ length: 65 }, (_, n) => node(n)) });
  const { output, thrown } = outputOf({ bundle }, () => undefined);
  assert.ok(thrown instanceof PowerOff);
  assert.match(output, /halted: crash the bundle is corrupt: more than 64 VMs\r\n$/);
});

attack(
  37,
  "a create that fails half-way, for want of RAM, of a row of it, or of a table in the midst of either, gives back what it had; afterwards what fits is made",
  (scene) => {
    const before = scene.free;
    for (let round = 0; round < 20; round++) {
      for (const vm of [3, 4, 5, 6]) {
        assert.equal(call(scene.controller, "HL_VM_CREATE", vm), error("NO_MEMORY"));
        assert.deepEqual(scene.free, before, `VM ${vm}`);
      }
    }
    scene.control("CREATE", 7);
    scene.control("START", 7);
    assert.equal(call(scene.vcpu(7), "PSCI_VERSION"), 0x1_0001n);
    scene.control("DESTROY", 7);
    assert.deepEqual(scene.free, before);
  },
  {
    controller: true,
    more: [
      { autostart: false, memory: 512 * MIB },
      {
        autostart: false,
        memory: 16 * MIB,
        regions: [
          { ipa: 0, size: 0x1000, readOnly: false },
          { ipa: 2 ** 34, size: 512 * MIB, readOnly: false },
        ],
      },
      // Its root and the page of stolen time take three tables; its RAM would take a fourth, after its frames were found.
      { autostart: false, tableQuota: 3 },
      { autostart: false, tableQuota: 5, regions: [{ ipa: 2 ** 34, size: 0x1000, readOnly: false }] },
      { autostart: false },
    ],
  },
);

/** No multiple of anything. */
const KERNEL = Buffer.alloc(0x1_2345, "kernel of the hostile VM");

attack(
  38,
  "memory that is given back is zero to its last byte, tails of regions and boot images too; what is loaded has zeros behind it",
  (scene) => {
    const { hostile, machine } = scene;
    const kernelAt = RAM_BASE + guestMachine.RAW_LOAD;
    assert.ok(Buffer.from(hostile.memory(kernelAt, KERNEL.length)).equals(KERNEL));
    assert.ok(
      hostile.memory(kernelAt + KERNEL.length, 0x8000).every((byte) => byte === 0),
      "behind the kernel",
    );
    assert.ok(
      hostile.memory(0x2000_0000 + 9, 0x3000 - 9).every((byte) => byte === 0),
      "behind a region's file",
    );
    for (const { input, size, write } of hostile.leaves) {
      for (let at = input; write && at < input + size; at += 4096) {
        for (const offset of [0, 0x7f8, 0xff8]) hostile.store(at + offset, 0x5ec3_e7b0_5ec3_e7b0n, { bytes: 8 });
      }
    }
    const ranges = hostile.leaves.filter(({ write }) => write).map(({ output, size }) => ({ output, size }));
    scene.control("DESTROY", HOSTILE);
    for (const { output, size } of ranges) assert.ok(machine.ram.isZero(output, size), `${size} bytes at ${output.toString(16)}`);
    // A stop keeps its memory for a start, which finds nothing of it.
    scene.control("CREATE", HOSTILE);
    scene.control("START", HOSTILE);
    scene.hostile.store(RAM_END - 8, 0x5ec3_e7b0n, { bytes: 8 });
    scene.control("STOP", HOSTILE);
    scene.control("START", HOSTILE);
    assert.equal(scene.hostile.load(RAM_END - 8, { bytes: 8 }), 0n);
  },
  {
    hostile: { kernel: KERNEL, regions: [{ ipa: 0x2000_0000, size: 0x3000, readOnly: false, file: Buffer.from("a message") }] },
    controller: true,
    system: { scrubAtBoot: false },
  },
);

attackAlone(38, "what lies behind a payload in the bundle, in its last line and page, does not come into the VM with it", () => {
  const bundle = bundleOfSystem({ vms: [{ kernel: KERNEL }], scrubAtBoot: false });
  const end = bundle.indexOf(KERNEL) + KERNEL.length;
  bundle.fill("somebody else's", end, end + 0x2000);
  const guest = start({ bundle });
  const kernelAt = RAM_BASE + guestMachine.RAW_LOAD;
  assert.ok(Buffer.from(guest.memory(kernelAt, KERNEL.length)).equals(KERNEL));
  assert.ok(guest.memory(kernelAt + KERNEL.length, 0x4000).every((byte) => byte === 0));
});
