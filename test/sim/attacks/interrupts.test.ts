// Attacks by interrupts and by tables of the board: rows 39 to 45.

import assert from "node:assert/strict";
import { gicd, gicr, listRegister } from "../../../abi/gic.ts";
import { guest as guestMachine } from "../../../abi/guest.ts";
import { trappedRegisters } from "../../../abi/sysregs.ts";
import { boardTree } from "../../../sim/board.ts";
import { bundleOf } from "../../../sim/bundles.ts";
import { cortexA57, max } from "../../../sim/cpu-model.ts";
import { Halted, PowerOff } from "../../../sim/faults.ts";
import type { Guest } from "../../../sim/guest.ts";
import { DEFAULT_BANKS } from "../../../sim/machine.ts";
import { BUNDLE_AT, boot, load, type StartOptions } from "../../../sim/start.ts";
import { call } from "../../unit/core/call.ts";
import { shown } from "../../unit/core/log-lines.ts";
import { attack, attackAlone } from "./attack.ts";
import { drain, frameOf, NONE, openInterrupts, syndromeOf } from "./guests.ts";
import { HOSTILE, type Scene } from "./scene.ts";

const { GICD_BASE, GICD_SIZE, GICR_BASE, GICR_STRIDE } = guestMachine;
const { ICC_SGI1R_EL1, ICC_SGI0R_EL1, ICC_ASGI1R_EL1 } = trappedRegisters;
const IRM = 1n << 40n;
const widths = [1, 2, 4, 8] as const;
const MAX = 0xffff_ffff_ffff_ffffn;
const VCPUS = 3;
const PEER = 2;

const sgi = (intid: number, targets: bigint): bigint => (BigInt(intid) << 24n) | targets;

/** All vCPUs of the hostile VM on, with every interrupt let through. */
const openAll = (scene: Scene): number[] => {
  const numbers = scene.startAll();
  for (const n of numbers) openInterrupts(scene.vcpu(HOSTILE, n), n);
  return numbers;
};
/** What each of them takes. */
const takenBy = (scene: Scene, numbers: readonly number[]): number[][] =>
  numbers.map((n) => drain(scene.vcpu(HOSTILE, n)).sort((a, b) => a - b));

// --- SGIs

attack(
  39,
  "reserved bits, range selectors and foreign clusters in an SGI register: the bits are ignored, the clusters have nobody",
  (scene) => {
    const all = openAll(scene);
    const send = (value: bigint): number[][] => {
      scene.hostile.msr(ICC_SGI1R_EL1, value);
      return takenBy(scene, all);
    };
    // Bits 63-56, 43-41 and 31-28 are RES0.
    for (const reserved of [0xffn << 56n, 7n << 41n, 0xfn << 28n, (0xffn << 56n) | (7n << 41n) | (0xfn << 28n)])
      assert.deepEqual(send(sgi(5, 0b110n) | reserved), [[], [5], [5]], reserved.toString(16));
    for (const cluster of [1n << 16n, 0xffn << 16n, 1n << 32n, 0xffn << 32n, 1n << 48n, 0xffn << 48n, 1n << 44n, 0xfn << 44n])
      assert.deepEqual(send(sgi(5, 0b111n) | cluster), [[], [], []], cluster.toString(16));
    // The register of secure SGIs goes nowhere, that of group 0 to nobody whose SGI is in group 1.
    for (const register of [ICC_ASGI1R_EL1, ICC_SGI0R_EL1]) {
      scene.hostile.msr(register, sgi(5, 0b111n));
      scene.hostile.msr(register, sgi(5, 0n) | IRM);
      assert.deepEqual(takenBy(scene, all), [[], [], []]);
    }
  },
  { hostile: { vcpus: VCPUS } },
);

attack(
  40,
  "SGIs to all others, to targets that are not there, and to every bit pattern reach the VM's own vCPUs and nobody else",
  (scene) => {
    const all = openAll(scene);
    const peer = scene.vcpu(PEER);
    openInterrupts(peer);
    for (let turn = 0; turn < 40; turn++) {
      const intid = turn % 16;
      const targets = (BigInt(turn) * 0x2b59n) & 0xffffn;
      const toAll = turn % 4 === 0;
      const sender = turn % VCPUS;
      const value = sgi(intid, targets) | (toAll ? IRM : 0n);
      scene.vcpu(HOSTILE, sender).msr(ICC_SGI1R_EL1, value);
      const expected = all.map((n) => (toAll ? n !== sender : ((targets >> BigInt(n)) & 1n) === 1n));
      assert.deepEqual(
        takenBy(scene, all).map((taken) => taken.length === 1),
        expected,
        value.toString(16),
      );
    }
    // A storm, everywhere at once.
    for (let n = 0; n < 16; n++)
      for (const value of [sgi(n, 0xffffn), sgi(n, 0xffffn) | IRM, MAX]) scene.hostile.msr(ICC_SGI1R_EL1, value);
    assert.deepEqual(drain(scene.vcpu(PEER)), [], "the peer");
    takenBy(scene, all);
  },
  { hostile: { vcpus: VCPUS }, more: [{}] },
);

for (const cpu of [cortexA57, max]) {
  attack(
    41,
    "all sixteen SGIs, from each vCPU to each and to itself, arrive once, however few list registers there are",
    (scene) => {
      const all = openAll(scene);
      const every = Array.from({ length: 16 }, (_, n) => n);
      for (const sender of all) {
        for (const intid of every) scene.vcpu(HOSTILE, sender).msr(ICC_SGI1R_EL1, sgi(intid, 0b111n));
        assert.deepEqual(takenBy(scene, all), [every, every, every], `from vCPU ${sender}`);
      }
    },
    { hostile: { vcpus: VCPUS }, system: { machine: { cpu } } },
  );
}

// --- registers of the GIC

/** Offsets that mean something, in both frames; the rest is swept in larger steps. */
const offsets = (size: number): number[] => {
  const dense = Array.from({ length: 0x1000 / 4 }, (_, n) => 4 * n);
  const sparse = Array.from({ length: Math.floor((size - 0x1000) / 0xfc) }, (_, n) => 0x1000 + 0xfc * n - ((0xfc * n) % 4));
  return [...dense, ...sparse, ...Array.from({ length: 128 }, (_, n) => 0x6000 + 4 * n), size - 4, 0xffe8].filter(
    (at) => at < size,
  );
};

/** What is there to be read: of all other offsets zero is read. */
const isKnown = (offset: number, inFrame: boolean): boolean => {
  if (!inFrame || offset >= gicr.GICR_SGI_FRAME) {
    const at = inFrame ? offset - gicr.GICR_SGI_FRAME : offset;
    if (at >= gicd.GICD_IGROUPR && at < gicd.GICD_IPRIORITYR) return (at & 0x7f) < 12;
    if (at >= gicd.GICD_IPRIORITYR && at < gicd.GICD_IPRIORITYR + 96) return true;
    if (at >= gicd.GICD_ICFGR && at < gicd.GICD_ICFGR + 24) return true;
  }
  const distributor = [gicd.GICD_CTLR, gicd.GICD_TYPER, gicd.GICD_IIDR, gicd.GICD_PIDR2];
  const redistributor = [gicr.GICR_IIDR, gicr.GICR_TYPER, gicr.GICR_TYPER + 4, gicr.GICR_WAKER, gicr.GICR_PIDR2];
  const isRoute = !inFrame && offset >= gicd.GICD_IROUTER + 32 * 8 && offset < gicd.GICD_IROUTER + 96 * 8;
  return isRoute || (inFrame ? redistributor : distributor).includes(offset);
};

attack(
  42,
  "every width at every offset of distributor and redistributors, whoever's they are: its own fields change, unknown ones are RAZ/WI",
  (scene) => {
    const [first] = openAll(scene);
    assert.equal(first, 0);
    const { hostile } = scene;
    const bases = [
      { base: GICD_BASE, size: GICD_SIZE, inFrame: false },
      { base: GICR_BASE, size: GICR_STRIDE, inFrame: true },
      { base: GICR_BASE + GICR_STRIDE, size: GICR_STRIDE, inFrame: true },
    ];
    for (const { base, size, inFrame } of bases) {
      for (const offset of offsets(size)) {
        const known = isKnown(offset, inFrame);
        const before = known ? undefined : hostile.load(base + offset, { rt: 4 });
        for (const bytes of widths) {
          const at = base + offset + (bytes < 4 ? (offset >> 2) % (4 / bytes) : 0) * bytes;
          if (at % bytes !== 0) continue;
          // What is pending is left alone, so that no interrupt comes by itself.
          const value = known ? 0n : MAX;
          assert.equal(
            syndromeOf(hostile, () => hostile.store(at, value, { bytes, rt: 31 })),
            undefined,
          );
          hostile.setX(5, value);
          if (!known)
            assert.equal(
              syndromeOf(hostile, () => hostile.store(at, value, { bytes, rt: 5 })),
              undefined,
            );
        }
        if (!known)
          assert.deepEqual(
            [before, hostile.load(base + offset, { rt: 4 })],
            [0n, 0n],
            `${offset.toString(16)} of ${base.toString(16)}`,
          );
      }
    }
    // A byte, a half and a word in the midst of others.
    const at = GICD_BASE + gicd.GICD_IPRIORITYR + 64;
    for (const bytes of widths) {
      for (let offset = 0; offset < 8; offset += bytes) {
        hostile.store(at, 0x1020_3040_5060_7080n, { bytes: 8, rt: 5 });
        hostile.store(at + offset, MAX, { bytes, rt: 5 });
        const mask = ((1n << BigInt(8 * bytes)) - 1n) << BigInt(8 * offset);
        const expected = (0x1020_3040_5060_7080n & ~mask) | (0xf8f8_f8f8_f8f8_f8f8n & mask);
        assert.equal(hostile.load(at, { bytes: 8, rt: 4 }), expected, `${bytes} bytes at ${offset}`);
      }
    }
  },
  { hostile: { vcpus: 2 }, places: ["apart"] },
);

// --- list registers

const { LR_PENDING, LR_ACTIVE } = listRegister;
/** The interrupts in the list registers of a vCPU's CPU: none twice. */
const listed = (guest: Guest): number[] => {
  const { virtual } = guest.cpu;
  const count = Number(virtual.vtr & 31n) + 1;
  const lists = Array.from({ length: count }, (_, n) => virtual.readList(n)).filter(
    (lr) => (lr & (LR_PENDING | LR_ACTIVE)) !== 0n,
  );
  const intids = lists.map((lr) => Number(lr & 0xffff_ffffn));
  assert.equal(new Set(intids).size, intids.length, "an interrupt is in two list registers");
  return intids;
};
const word = (intid: number): number => GICD_BASE + 4 * (intid >> 5);
const bit = (intid: number): bigint => 1n << BigInt(intid & 31);

attack(
  43,
  "an SPI that another vCPU has pending or active is disabled, enabled, cleared and set from afar: it comes as often as it was made pending",
  (scene) => {
    openAll(scene);
    const SPI = 50;
    const route = GICD_BASE + gicd.GICD_IROUTER + 8 * SPI;
    const owner = (): Guest => scene.vcpu(HOSTILE, 1);
    const other = (): Guest => scene.vcpu(HOSTILE, 0);
    const set = (register: number): void => other().store(word(SPI) + register, bit(SPI));
    const isSet = (register: number): boolean => (other().load(word(SPI) + register, { rt: 4 }) & bit(SPI)) !== 0n;
    other().store(GICD_BASE + gicd.GICD_ICFGR + 4 * (SPI >> 4), 0xaaaa_aaaan);
    other().store(route, 1n, { bytes: 8 });
    for (let round = 0; round < 8; round++) {
      // Made pending while disabled, then enabled.
      set(gicd.GICD_ICENABLER);
      set(gicd.GICD_ISPENDR);
      assert.equal(owner().acknowledge(), NONE);
      assert.ok(isSet(gicd.GICD_ISPENDR));
      set(gicd.GICD_ISENABLER);
      assert.deepEqual(listed(owner()), [SPI]);
      // Disabled while it waits in a list register, enabled while it is pending.
      set(gicd.GICD_ICENABLER);
      assert.deepEqual(listed(owner()), []);
      set(gicd.GICD_ISENABLER);
      assert.equal(owner().acknowledge(), SPI);
      // Pending again while active; then it is cleared while active.
      set(gicd.GICD_ISPENDR);
      assert.ok(isSet(gicd.GICD_ISACTIVER) && isSet(gicd.GICD_ISPENDR));
      if (round % 2 === 0) set(gicd.GICD_ICACTIVER);
      else owner().end(SPI);
      if (round % 4 < 2) {
        set(gicd.GICD_ICPENDR);
        if (round % 2 === 0) owner().end(SPI);
        assert.equal(owner().acknowledge(), NONE, "what was cleared does not come");
      } else {
        if (round % 2 === 0) owner().end(SPI);
        assert.equal(owner().acknowledge(), SPI);
        owner().end(SPI);
      }
      assert.ok(!isSet(gicd.GICD_ISACTIVER) && !isSet(gicd.GICD_ISPENDR), `round ${round}`);
      assert.deepEqual([listed(owner()), listed(other())], [[], []]);
    }
  },
  { hostile: { vcpus: 2 } },
);

for (const cpu of [cortexA57, max]) {
  attack(
    44,
    "a storm of 80 pending interrupts, nested and over turns of the CPU: each comes once, the most urgent first, maintenance ends",
    (scene) => {
      openAll(scene);
      const spis = Array.from({ length: 64 }, (_, n) => 32 + n);
      const sgis = Array.from({ length: 16 }, (_, n) => n);
      const { hostile } = scene;
      // Edges, each with a priority of its own out of sixteen.
      for (const n of [8, 12, 16, 20]) hostile.store(GICD_BASE + gicd.GICD_ICFGR + n, 0xaaaa_aaaan);
      const priorityOf = (intid: number): number => 8 * (3 + ((intid * 7) % 16));
      for (const intid of [...sgis, ...spis])
        hostile.store((intid < 32 ? frameOf(0) : GICD_BASE) + gicd.GICD_IPRIORITYR + intid, BigInt(priorityOf(intid)), {
          bytes: 1,
        });
      for (let round = 0; round < 3; round++) {
        const guest = scene.hostile;
        for (const index of [1, 2]) guest.store(GICD_BASE + 4 * index + gicd.GICD_ISPENDR, 0xffff_ffffn);
        for (const intid of sgis) guest.msr(ICC_SGI1R_EL1, sgi(intid, 1n));
        const taken: number[] = [];
        for (;;) {
          const here = scene.hostile;
          const intid = here.acknowledge();
          if (intid === NONE) break;
          taken.push(intid);
          // Others have the CPU in the middle of it, in one place.
          if (taken.length % 16 === 5) call(here, "HL_YIELD");
          scene.hostile.end(intid);
        }
        assert.deepEqual(
          taken.toSorted((a, b) => a - b),
          [...sgis, ...spis],
        );
        const priorities = taken.map(priorityOf);
        assert.deepEqual(
          priorities,
          priorities.toSorted((a, b) => a - b),
          "in the order of their priorities",
        );
        assert.deepEqual(listed(scene.hostile), []);
        assert.equal(scene.hostile.cpu.virtual.maintenance, false);
      }
    },
    { system: { machine: { cpu } } },
  );
}

attackAlone(45, "redistributors without a last one, and device trees without an end, are read within bounds", () => {
  const initrd = { start: BUNDLE_AT, end: BUNDLE_AT + bundleOf().length };
  const tree = boardTree({ banks: DEFAULT_BANKS, initrd });
  const END = 9;
  const structure = tree.readUInt32BE(8);
  const size = tree.readUInt32BE(36);
  const endless = Buffer.from(tree);
  assert.equal(endless.readUInt32BE(structure + size - 4), END);
  endless.writeUInt32BE(4, structure + size - 4);
  /** FDT_NOP up to the end, and nodes that begin and never end. */
  const nops = Buffer.from(tree);
  for (let at = structure + 64; at < structure + size; at += 4) nops.writeUInt32BE(4, at);
  const begins = Buffer.from(tree);
  for (let at = structure + 8; at + 8 <= structure + size; at += 8) begins.writeUInt32BE(1, at);
  const boards: Record<string, StartOptions> = {
    "no redistributor is the last": { machine: { endlessRedistributors: true } },
    "none is this CPU's, and none the last": { machine: { endlessRedistributors: true, redistributors: Array(123).fill(7n) } },
    "no FDT_END": { fdt: endless },
    "NOPs to the end": { fdt: nops },
    "nodes that only begin": { fdt: begins },
    "no terminator of the memory reservations": {
      fdt: Buffer.concat([tree.subarray(0, 40), Buffer.alloc(tree.length - 40, 0xff)]),
    },
  };
  for (const [name, options] of Object.entries(boards)) {
    const machine = load(options);
    machine.callLimit = 3_000_000;
    try {
      assert.equal(call(boot(machine), "PSCI_VERSION"), 0x1_0001n, name);
    } catch (thrown) {
      assert.ok(thrown instanceof PowerOff || thrown instanceof Halted, `${name}: ${thrown}`);
      const output = shown(machine.uart.output);
      assert.match(output, /<0>\[ {4}0\.000000\] halted: crash .{10,}\r\n$/, name);
    }
  }
});
