// Attacks by the arguments of hypercalls, by their buffers, and by floods: rows 6 to 8.

import assert from "node:assert/strict";
import { type callErrors, callLimits, calls, vcpuFacts, vmFacts } from "../../../abi/calls.ts";
import { guest as guestMachine } from "../../../abi/guest.ts";
import { pl011 } from "../../../abi/pl011.ts";
import type { Guest } from "../../../sim/guest.ts";
import { RAM_BASE } from "../../../sim/start.ts";
import { MIB } from "../../../tool/size.ts";
import { call, error, id } from "../../unit/core/call.ts";
import { printed } from "../../unit/core/console-output.ts";
import { attack } from "./attack.ts";
import { EL1H, ENTRY, print, useCaches, VECTORS } from "./guests.ts";
import { HEALTHY, HOSTILE, MS, type Scene } from "./scene.ts";

const JUNK = 0xdead_beefn << 32n;
const MICROSECOND = MS / 1000n;
/** Of a VM that shares one CPU with another one. */
const HALF = 50;
const { UART_BASE, STOLEN_BASE } = guestMachine;

const huge = [1n << 31n, 0xffff_ffffn, 1n << 32n, 1n << 63n, 0xffff_ffff_ffff_ffffn];
const factCount = (facts: Readonly<Record<string, number>>): bigint => BigInt(Math.max(...Object.values(facts)) + 1);

attack(
  6,
  "facts, doorbells and VMs that do not exist, or are nobody's business, are errors that tell nothing",
  ({ hostile }) => {
    const fails = (name: string, args: readonly bigint[], expected: keyof typeof callErrors): void => {
      for (const n of [1, 2, 3]) hostile.setX(n, 0xaaaan + BigInt(n));
      assert.equal(hostile.hvc(id(name), ...args), error(expected), `${name} ${args}`);
      for (const [n, value] of args.entries()) assert.equal(hostile.x(n + 1), value);
      for (let n = args.length + 1; n <= 3; n++) assert.equal(hostile.x(n), 0xaaaan + BigInt(n), `${name} left x${n} alone`);
    };
    for (const value of [factCount(vmFacts), ...huge]) fails("HL_VM_FACT", [value], "INVALID_PARAMETERS");
    for (const value of [factCount(vcpuFacts), ...huge]) fails("HL_VCPU_FACT", [value], "INVALID_PARAMETERS");
    for (const value of [1n, 2n, 8n, ...huge]) fails("HL_DOORBELL", [value], "INVALID_PARAMETERS");
    for (const fact of [vmFacts.VM_FACT_FREE_MEMORY, vmFacts.VM_FACT_FREE_TABLES]) fails("HL_VM_FACT", [BigInt(fact)], "DENIED");
    for (const { name } of calls.filter((one) => /^HL_VM_(?!FACT)/.test(one.name))) {
      for (const vm of [0n, 1n, 2n, 3n, 64n, ...huge]) fails(name, [vm, 0n], "DENIED");
    }
  },
  { more: [{}], system: { doorbells: [["hostile", "more0"]] } },
);

attack(
  6,
  "a controller's calls about VMs that do not exist are errors, and nobody's state changes",
  ({ hostile, healthy }) => {
    assert.ok(healthy.where !== undefined);
    for (const { name } of calls.filter((one) => /^HL_VM_(?!FACT|COUNT)/.test(one.name))) {
      for (const vm of [2n, 63n, 64n, (1n << 32n) | 1n, (1n << 63n) | 1n, ...huge])
        assert.equal(hostile.hvc(id(name), vm), error("INVALID_PARAMETERS"), `${name} ${vm}`);
    }
    for (const offset of [1n, 8n, 15n, 17n, 24n, 32n, ...huge])
      assert.equal(hostile.hvc(id("HL_VM_NAME"), 1n, offset), error("INVALID_PARAMETERS"), `a name from ${offset}`);
  },
  { hostile: { controller: true }, places: ["apart"] },
);

const write = (guest: Guest, ipa: number | bigint, bytes: number | bigint): bigint =>
  guest.hvc(id("HL_CONSOLE_WRITE"), BigInt(ipa), BigInt(bytes));
const put = (guest: Guest, ipa: number, text: string): void => {
  for (const [n, byte] of [...Buffer.from(text)].entries()) guest.store(ipa + n, BigInt(byte), { bytes: 1 });
};
/** What the hostile VM has printed, without the name before its lines. */
const printedBy = ({ machine }: Scene): string[] =>
  printed(machine.uart.output)
    .split("\n")
    .flatMap((line) => (line.startsWith("hostile| ") ? line.slice("hostile| ".length) : []));

const END = RAM_BASE + 16 * MIB;
/** A region of one page with nothing before it and behind it, and one of two that end behind each other. */
const regions = [{ ipa: 0x2000_0000, size: 0x1000, readOnly: false }];

const badBuffers: Record<string, [bigint | number, bigint | number]> = {
  "outside RAM: at 0": [0, 16],
  "outside RAM: a device": [UART_BASE, 4],
  "outside RAM: behind its end": [END, 1],
  "outside RAM: the healthy VM's physical address": [0x4500_0000, 16],
  "outside RAM: beyond 39 bits": [BigInt(RAM_BASE) | (1n << 39n), 16],
  "outside RAM: high bits of a good address": [JUNK | BigInt(RAM_BASE), 16],
  "wraps 2^64": [0xffff_ffff_ffff_fff0n, 32],
  "wraps 2^64, by its last byte": [0xffff_ffff_ffff_ffffn, 1],
  "wraps 2^64 into RAM": [0xffff_ffff_ffff_fc00n, 1024],
  "across unmapped pages: out of RAM": [END - 8, 16],
  "across unmapped pages: out of a region": [0x2000_0ff8, 16],
  "across unmapped pages: into a region": [0x1fff_fff8, 16],
  "across unmapped pages: into RAM": [RAM_BASE - 8, 16],
  "too long": [RAM_BASE, callLimits.CONSOLE_WRITE_MAX + 1],
  "too long by bits above 32": [RAM_BASE, (1n << 32n) | 4n],
  "too long by a sign": [RAM_BASE, -1n & 0xffff_ffff_ffff_ffffn],
};

attack(
  7,
  "a buffer that lies outside RAM, wraps 2^64, crosses an unmapped page, or is too long, is an error, and nothing of it is printed",
  (scene) => {
    const { hostile } = scene;
    for (const [name, [ipa, bytes]] of Object.entries(badBuffers)) {
      const answer = write(hostile, ipa, bytes);
      assert.ok([error("INVALID_ADDRESS"), error("INVALID_PARAMETERS")].includes(answer), name);
    }
    assert.deepEqual(printedBy(scene), []);
  },
  { hostile: { regions } },
);

attack(
  7,
  "a buffer at any byte, across pages, blocks, and two regions that lie side by side, is read as it is",
  (scene) => {
    const { hostile } = scene;
    const text = "0123456789abcdef";
    for (const ipa of [RAM_BASE + 0x1001, RAM_BASE + 0x1fff, RAM_BASE + 0x2003, RAM_BASE + 2 * MIB - 7, END - 17]) {
      put(hostile, ipa, `${text}\n`);
      assert.equal(write(hostile, ipa, text.length + 1), BigInt(text.length + 1));
    }
    const side = 0x3000_0000 + 0x1000 - 5;
    put(hostile, side, `${text}\n`);
    assert.equal(write(hostile, side, text.length + 1), BigInt(text.length + 1));
    assert.deepEqual(printedBy(scene), Array(6).fill(text));
  },
  {
    hostile: {
      regions: [
        { ipa: 0x3000_0000, size: 0x1000, readOnly: false },
        { ipa: 0x3000_1000, size: 0x1000, readOnly: false },
      ],
    },
  },
);

attack(
  7,
  "a buffer that another vCPU changes while it is read is read once, byte by byte, at the length that was checked",
  (scene) => {
    const { machine } = scene;
    scene.startAll();
    const guest = scene.hostile;
    const length = 600;
    const at = RAM_BASE + 0x2000 - 300;
    put(guest, at, "a".repeat(length));
    // Another CPU writes all of the buffer whenever a byte of it has been read.
    const place = guest.translate(at);
    assert.ok(!("fault" in place));
    const first = place.output + (at - place.input);
    const reads = new Map<number, number>();
    const { ram } = machine;
    const readSmall = ram.readSmall.bind(ram);
    ram.readSmall = (address, bytes) => {
      const value = readSmall(address, bytes);
      reads.set(address, (reads.get(address) ?? 0) + 1);
      ram.writeBytes(first, Buffer.alloc(length, "b"));
      return value;
    };
    assert.equal(write(guest, at, length), BigInt(length));
    ram.readSmall = readSmall;
    assert.deepEqual([reads.size, Math.max(...reads.values())], [length, 1]);
    assert.deepEqual([Math.min(...reads.keys()), Math.max(...reads.keys())], [first, first + length - 1]);
    print(guest, "\n");
    assert.deepEqual(printedBy(scene), [`a${"b".repeat(length - 1)}`]);
  },
  { hostile: { vcpus: 2 } },
);

// --- floods

/** What a guest does that takes no time of its own: a microsecond each. */
const flood = (scene: Scene, times: number, step: (guest: Guest) => void): void => {
  for (let n = 0; n < times; n++) {
    const guest = scene.machine.running(HOSTILE);
    if (guest !== undefined) step(guest);
    scene.machine.run.advance(MICROSECOND);
  }
};
/** Percent of the CPU that the healthy VM has while the other one floods. */
const shareInFlood = (scene: Scene, step: (guest: Guest) => void): number => {
  const times = 30_000;
  let had = 0;
  for (let n = 0; n < times; n++) {
    const guest = scene.machine.running(HOSTILE);
    if (guest !== undefined) step(guest);
    if (scene.machine.running(HEALTHY) !== undefined) had++;
    scene.machine.run.advance(MICROSECOND);
  }
  return (100 * had) / times;
};

attack(
  8,
  "a flood of calls, good and bad, costs others nothing: a VM that shares the CPU keeps its half",
  (scene) => {
    let n = 0;
    const names = ["HL_NULL", "HL_VERSION", "PSCI_VERSION", "TRNG_RND_64", "HL_VM_COUNT", "PSCI_CPU_SUSPEND_64"];
    const share = shareInFlood(scene, (guest) => {
      const name = names[n++ % names.length] ?? "";
      // One that suspends with reserved bits set does not.
      guest.hvc(n % 7 === 0 ? 0x8400_ff00n : id(name), name === "TRNG_RND_64" ? 192n : 1n << 26n);
    });
    assert.ok(Math.abs(share - HALF) < 2, `${share} %`);
  },
  { places: ["together"] },
);

attack(8, "a flood of everything that is told of in the log stays within its lines, and dropped ones are counted", (scene) => {
  let n = 0;
  const before = scene.log.length;
  flood(scene, 20_000, (guest) => {
    guest.setSysreg("VBAR_EL1", VECTORS);
    guest.pc = ENTRY;
    guest.pstate = EL1H;
    const steps = [
      () => guest.exception(0x3f, 0n),
      () => guest.load(0x3000_0000),
      () => guest.fetch(0x3000_0000),
      () => guest.mrs([3, 3, 9, 12, 0]),
      () => guest.serror(),
    ];
    steps[n++ % steps.length]?.();
  });
  scene.machine.run.advance(1000n * MS);
  scene.hostile.exception(0x3f, 0n);
  const lines = scene.log.slice(before);
  assert.ok(lines.length < 40, `${lines.length} lines of 10,000 exceptions or more`);
  assert.match(lines.join("\n"), /vm0 traps: \d{4,} lines about this VM were dropped/);
});

attack(
  8,
  "a VM that crashes, or resets itself, again and again fills no log, and others keep their share",
  (scene) => {
    const before = scene.log.length;
    let lives = 0;
    const start = scene.machine.counter.count;
    while (lives < 60) {
      const guest = scene.hostile;
      if (lives++ % 2 === 0) guest.hvc(id("PSCI_SYSTEM_RESET"));
      else {
        guest.setSysreg("VBAR_EL1", 0x3000_0000n);
        guest.pstate = EL1H;
        guest.fetch(0x3000_0000 + 0x200);
      }
      scene.machine.run.advance(MS);
    }
    const seconds = Number((scene.machine.counter.count - start) / (1000n * MS)) + 2;
    const lines = scene.log.slice(before);
    assert.ok(lines.length <= 11 * seconds + 13 * (seconds / 10 + 1), `${lines.length} lines in ${seconds} s`);
    const share = scene.shareOf(HEALTHY);
    assert.ok(share >= (scene.place === "together" ? HALF - 2 : 100), `${share} %`);
  },
  { hostile: { memory: 2 * MIB, crashPolicy: "reset" } },
);

attack(
  8,
  "a VM that switches itself off as often as it is started fills no log",
  (scene) => {
    scene.machine.run.advance(MS);
    const before = scene.log.length;
    for (let lives = 0; lives < 40; lives++) {
      call(scene.hostile, lives % 2 === 0 ? "PSCI_SYSTEM_OFF" : "PSCI_CPU_OFF");
      scene.control("START", HOSTILE);
    }
    assert.ok(scene.log.length - before <= 26, `${scene.log.length - before} lines of 40 lives`);
  },
  { hostile: { memory: 2 * MIB }, controller: true, places: ["apart"] },
);

attack(
  8,
  "a flood of output holds up nobody's lines",
  (scene) => {
    for (let n = 0; n < 2000; n++) print(scene.hostile, `line ${n} of very many lines of text\n`);
    print(scene.hostile, "x".repeat(70_000));
    print(scene.hostile, "\n");
    // What the healthy VM prints afterwards is whole: the scene looks at that.
    assert.ok(printedBy(scene).length >= 2000);
  },
  { places: ["apart"] },
);

attack(7, "memory that the VM may only read is a buffer like any other; what EL2 writes for it is no way to others", (scene) => {
  const { hostile } = scene;
  assert.equal(write(hostile, STOLEN_BASE, 8), 8n);
  assert.equal(write(hostile, STOLEN_BASE + 0xffc, 8), error("INVALID_ADDRESS"));
  useCaches(hostile);
  assert.equal(call(hostile, "PV_TIME_ST"), BigInt(STOLEN_BASE));
  assert.ok(hostile.load(UART_BASE + pl011.UART_FR, { rt: 4 }) !== 0n);
});
