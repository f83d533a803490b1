// The virtual GIC's register file (Arm IHI 0069, 12.9 and 12.11) at every width: each access touches its own fields alone, unknown offsets read as zero and
// ignore writes.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { gicd, gicr } from "../../../abi/gic.ts";
import { guest as machine } from "../../../abi/guest.ts";
import type { Guest } from "../../../sim/guest.ts";
import { start } from "../../../sim/start.ts";
import { check } from "./property.ts";

const D = machine.GICD_BASE;
const R = machine.GICR_BASE;
const SGI = R + gicr.GICR_SGI_FRAME;
type Width = 1 | 2 | 4 | 8;
const widths: readonly Width[] = [1, 2, 4, 8];

const read = (guest: Guest, address: number, bytes: Width = 4): bigint => guest.load(address, { bytes, rt: 4, wide: true });
const write = (guest: Guest, address: number, value: bigint, bytes: Width = 4): void =>
  guest.store(address, value, { bytes, rt: 5 });

test("identification: a GICv3 with 96 INTIDs of 10 bits, whose only redistributor is the last", () => {
  const guest = start();
  assert.equal(read(guest, D + gicd.GICD_TYPER), 0x0300_0000n | (9n << 19n) | 2n);
  assert.equal(read(guest, D + gicd.GICD_IIDR), 0x43bn);
  assert.equal(read(guest, D + gicd.GICD_PIDR2) & 0xf0n, 0x30n);
  assert.equal(read(guest, R + gicr.GICR_PIDR2) & 0xf0n, 0x30n);
  assert.equal(read(guest, R + gicr.GICR_TYPER, 8), BigInt(gicr.GICR_TYPER_LAST));
  assert.equal(read(guest, R + gicr.GICR_IIDR), 0x43bn);
  assert.equal(read(guest, R + gicr.GICR_CTLR), 0n);
});

test("GICD_CTLR: affinity routing and one security state for good, the groups' enables as written", () => {
  const guest = start();
  const fixed = BigInt(gicd.GICD_CTLR_ARE_NS | gicd.GICD_CTLR_DS);
  assert.equal(read(guest, D), fixed);
  for (const [value, enables] of [
    [0xffff_ffffn, 3n],
    [0x2n, 2n],
    [0n, 0n],
  ] as const) {
    write(guest, D, value);
    assert.equal(read(guest, D), fixed | enables);
  }
  write(guest, D, 3n, 1);
  write(guest, D + 1, 0xffn, 1);
  assert.equal(read(guest, D), fixed | 3n);
});

test("GICR_WAKER: asleep until the guest wakes it", () => {
  const guest = start();
  assert.equal(read(guest, R + gicr.GICR_WAKER), 6n);
  write(guest, R + gicr.GICR_WAKER, 0n);
  assert.equal(read(guest, R + gicr.GICR_WAKER), 0n);
  write(guest, R + gicr.GICR_WAKER, 2n);
  assert.equal(read(guest, R + gicr.GICR_WAKER), 6n);
  write(guest, R + gicr.GICR_WAKER + 1, 0n, 1);
  assert.equal(read(guest, R + gicr.GICR_WAKER), 6n, "another byte of it");
});

// --- a reference: bytes in memory, with what each register does to a written word

interface Bank {
  readonly name: string;
  readonly base: number;
  /** First interrupt and number of interrupts. */
  readonly bytes: number;
  readonly apply: (old: number, value: number, mask: number, offset: number) => number;
  /** A second view: what is written at `other` clears, and reads the same. */
  readonly clears?: number;
}
const assign =
  (fields: number) =>
  (old: number, value: number, mask: number): number =>
    (old & ~mask) | (value & mask & fields);
const set = (old: number, value: number, mask: number): number => old | (value & mask);
const CONFIG = 0xaaaa_aaaa;
/** Words 1 and 2 of the distributor's banks of bits are there; word 0 is the redistributor's, word 3 and up are not implemented. */
const shared =
  (apply: Bank["apply"]): Bank["apply"] =>
  (old, value, mask, offset) =>
    offset === 4 || offset === 8 ? apply(old, value, mask, offset) : old;

const banks: Bank[] = [
  { name: "GICD_IGROUPR", base: D + gicd.GICD_IGROUPR, bytes: 16, apply: shared(assign(-1)) },
  { name: "GICD_ISENABLER", base: D + gicd.GICD_ISENABLER, bytes: 16, apply: shared(set), clears: D + gicd.GICD_ICENABLER },
  { name: "GICD_ISPENDR", base: D + gicd.GICD_ISPENDR, bytes: 16, apply: shared(set), clears: D + gicd.GICD_ICPENDR },
  { name: "GICD_ISACTIVER", base: D + gicd.GICD_ISACTIVER, bytes: 16, apply: shared(set), clears: D + gicd.GICD_ICACTIVER },
  { name: "GICD_IPRIORITYR", base: D + gicd.GICD_IPRIORITYR + 32, bytes: 64, apply: assign(0xf8f8_f8f8 | 0) },
  { name: "GICD_ICFGR", base: D + gicd.GICD_ICFGR + 8, bytes: 16, apply: assign(CONFIG | 0) },
  { name: "GICR_IGROUPR0", base: SGI + gicd.GICD_IGROUPR, bytes: 4, apply: assign(-1) },
  { name: "GICR_ISENABLER0", base: SGI + gicd.GICD_ISENABLER, bytes: 4, apply: set, clears: SGI + gicd.GICD_ICENABLER },
  { name: "GICR_ISPENDR0", base: SGI + gicd.GICD_ISPENDR, bytes: 4, apply: set, clears: SGI + gicd.GICD_ICPENDR },
  { name: "GICR_ISACTIVER0", base: SGI + gicd.GICD_ISACTIVER, bytes: 4, apply: set, clears: SGI + gicd.GICD_ICACTIVER },
  { name: "GICR_IPRIORITYR", base: SGI + gicd.GICD_IPRIORITYR, bytes: 32, apply: assign(0xf8f8_f8f8 | 0) },
  // SGIs are edges and PPIs are levels, for good.
  { name: "GICR_ICFGR", base: SGI + gicd.GICD_ICFGR, bytes: 8, apply: (old) => old },
];

const access = fc.record({
  bank: fc.nat({ max: banks.length - 1 }),
  clear: fc.boolean(),
  width: fc.constantFrom(...widths),
  position: fc.nat({ max: 63 }),
  value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
});

test("any accesses at any width: fields change as written, neighbours do not", () => {
  check(
    fc.property(fc.array(access, { minLength: 1, maxLength: 60 }), (accesses) => {
      const guest = start();
      const memory = banks.map(({ bytes }) => new DataView(new ArrayBuffer(bytes)));
      memory[banks.length - 1]?.setUint32(0, CONFIG, true);
      for (const { bank: index, clear, width, position, value } of accesses) {
        const bank = banks[index];
        const words = memory[index];
        if (bank === undefined || words === undefined || width > bank.bytes) continue;
        const offset = Math.floor((position % bank.bytes) / width) * width;
        const clears = clear && bank.clears !== undefined;
        write(guest, (clears ? (bank.clears ?? 0) : bank.base) + offset, value, width);
        for (let done = 0; done < width; done += 4) {
          const at = (offset + done) & ~3;
          const shift = BigInt(8 * (offset & 3));
          const mask = Number(BigInt.asIntN(32, BigInt.asUintN(8 * Math.min(width, 4), -1n) << shift));
          const word = Number(BigInt.asIntN(32, (value >> BigInt(8 * done)) << shift));
          const old = words.getInt32(at, true);
          words.setInt32(at, clears ? old & ~(word & mask) : bank.apply(old, word, mask, at), true);
        }
      }
      for (const [index, { name, base, bytes, clears }] of banks.entries()) {
        for (const width of widths) {
          for (let offset = 0; offset + width <= bytes; offset += width) {
            const bytesThere = new Uint8Array(memory[index]?.buffer ?? new ArrayBuffer(0), offset, width);
            const expected = bytesThere.reduceRight((word, byte) => (word << 8n) | BigInt(byte), 0n);
            assert.equal(read(guest, base + offset, width), expected, `${name} + ${offset}, ${width} bytes`);
            if (clears !== undefined)
              assert.equal(read(guest, clears + offset, width), expected, `${name}'s other view + ${offset}`);
          }
        }
      }
    }),
    25,
  );
});

test("GICD_IROUTER is 64 bits, read and written at any width; IRM and reserved bits are zero", () => {
  const guest = start();
  const at = D + gicd.GICD_IROUTER + 8 * 40;
  write(guest, at, 0xffff_ffff_ffff_ffffn, 8);
  assert.equal(read(guest, at, 8), 0xff_00ff_ffffn);
  write(guest, at + 4, 0n);
  assert.equal(read(guest, at, 8), 0x00ff_ffffn);
  write(guest, at + 1, 0x12n, 1);
  assert.equal(read(guest, at, 8), 0x00ff_12ffn);
  assert.equal(read(guest, at + 8, 8), 0n, "the neighbour");
  assert.equal(read(guest, at + 2, 2), 0xffn);
});

test("routes of private interrupts and of those that do not exist are reserved", () => {
  const guest = start();
  for (const intid of [0, 31, 96, 1019]) {
    const at = D + gicd.GICD_IROUTER + 8 * intid;
    write(guest, at, 0xffn, 8);
    assert.equal(read(guest, at, 8), 0n, `${intid}`);
  }
});

test("the distributor's words of private interrupts are reserved: they are in the redistributor", () => {
  const guest = start();
  write(guest, SGI + gicd.GICD_ISENABLER, 0xffff_ffffn);
  for (const offset of [
    gicd.GICD_IGROUPR,
    gicd.GICD_ISENABLER,
    gicd.GICD_ISPENDR,
    gicd.GICD_IPRIORITYR,
    gicd.GICD_ICFGR,
    gicd.GICD_ITARGETSR,
  ]) {
    write(guest, D + offset, 0xffff_ffffn);
    assert.equal(read(guest, D + offset), 0n, `offset ${offset.toString(16)}`);
  }
});

/** Offsets of a frame of 64 KiB that mean something, in steps of 4. */
const known = (offset: number, frame: "D" | "R" | "SGI"): boolean => {
  const inside = (base: number, bytes: number): boolean => offset >= base && offset < base + bytes;
  const [first, words] = frame === "D" ? [1, 2] : [0, 1];
  if (frame === "R") return [0x04, 0x08, 0x0c, 0x14, 0xffe8].includes(offset);
  if (frame === "D" && ([0x0, 0x4, 0x8, 0xffe8].includes(offset) || inside(0x6100, 0x200))) return true;
  for (const bank of [0x080, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380]) if (inside(bank + 4 * first, 4 * words)) return true;
  return inside(0x400 + 32 * first, 32 * words) || inside(0xc00 + 8 * first, 8 * words);
};

for (const [frame, base] of [
  ["D", D],
  ["R", R],
  ["SGI", SGI],
] as const) {
  test(`unknown offsets of the ${frame} frame read as zero and ignore writes`, () => {
    const guest = start();
    for (let offset = 0; offset < 0x1_0000; offset += 4) {
      if (known(offset, frame)) continue;
      write(guest, base + offset, 0xffff_ffffn);
      const value = read(guest, base + offset);
      assert.equal(value, 0n, `offset 0x${offset.toString(16)}`);
    }
    assert.equal(guest.sysreg("ESR_EL1"), 0n, "none of them aborts");
    assert.equal(read(guest, D) & 3n, 0n);
  });
}
