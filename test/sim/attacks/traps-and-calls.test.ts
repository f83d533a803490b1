// Attacks by exceptions and calls: rows 1 to 10.

import assert from "node:assert/strict";
import { type callErrors, callLimits, calls, vcpuFacts, vmFacts } from "../../../abi/calls.ts";
import { exceptionClass } from "../../../abi/esr.ts";
import { guest as guestMachine } from "../../../abi/guest.ts";
import { pl011 } from "../../../abi/pl011.ts";
import { el2Controls } from "../../../abi/sysregs.ts";
import { ec, type Guest } from "../../../sim/guest.ts";
import { RAM_BASE } from "../../../sim/start.ts";
import { MIB } from "../../../tool/size.ts";
import { call, error, id } from "../../unit/core/call.ts";
import { printed } from "../../unit/core/console-output.ts";
import { attack } from "./attack.ts";
import { assertUndefined, EL1H, ENTRY, print, syndromeOf, useCaches, VECTORS } from "./guests.ts";
import { HEALTHY, HOSTILE, MS, type Scene } from "./scene.ts";

const NOT_SUPPORTED = error("NOT_SUPPORTED");
const JUNK = 0xdead_beefn << 32n;
const MICROSECOND = MS / 1000n;
/** Of a VM that shares one CPU with another one. */
const HALF = 50;
const { UART_BASE, STOLEN_BASE } = guestMachine;

/** EL1 with either stack pointer, EL0, EL0 in AArch32, with and without T32. */
const origins = [EL1H, 0x3c4n, 0x000n, 0x010n, 0x030n];
const EL0 = origins.slice(2);

// --- exceptions

const { EC_WFX, EC_FP, EC_HVC64, EC_SMC64, EC_SYSREG, EC_IABT_LOWER, EC_DABT_LOWER } = exceptionClass;
const { EC_CP15_32, EC_CP15_64, EC_CP14_32, EC_CP14_LDC, EC_CP14_64, EC_VMRS } = exceptionClass;
const coprocessors = [EC_CP15_32, EC_CP15_64, EC_CP14_32, EC_CP14_LDC, EC_CP14_64, EC_VMRS];
const handled = new Set([EC_WFX, EC_FP, EC_HVC64, EC_SMC64, EC_SYSREG, EC_IABT_LOWER, EC_DABT_LOWER, ...coprocessors]);
const unknownClasses = Array.from({ length: 64 }, (_, n) => n).filter((one) => !handled.has(one));

attack(
  1,
  "every class that is reserved, or not given to guests, from every level of the guest, is UNDEFINED",
  (scene) => {
    for (const n of scene.startAll()) {
      const guest = scene.vcpu(HOSTILE, n);
      for (const exceptionClass of unknownClasses) {
        for (const pstate of origins) {
          for (const iss of [0n, 0x1ff_ffffn, BigInt(exceptionClass) * 0x1_0101n])
            assertUndefined(guest, () => guest.exception(exceptionClass, iss), `class ${exceptionClass}`, pstate);
        }
      }
    }
  },
  { hostile: { vcpus: 2 } },
);

attack(2, "HVC and SMC with another immediate are no calls, whatever the registers ask for", ({ hostile }) => {
  for (const name of ["PSCI_SYSTEM_OFF", "PSCI_CPU_OFF", "PSCI_SYSTEM_RESET", "HL_NULL", "HL_YIELD", "HL_VERSION"]) {
    for (const immediate of [1n, 2n, 0x80n, 0xeeen, 0x4000n, 0x8000n, 0xffffn]) {
      hostile.setX(0, id(name));
      const hvc = (): void => {
        hostile.pc += 4n;
        hostile.exception(ec.HVC, immediate);
      };
      assertUndefined(hostile, hvc, `HVC #${immediate}`);
      assertUndefined(hostile, () => hostile.exception(ec.SMC, immediate), `SMC #${immediate}`);
    }
  }
});

/** What is left of the range of identifiers when those that exist are taken out: some of each owner, of both conventions, fast and yielding. */
const unknownIds = [0x0000_0000, 0x8000_0000, 0x4000_0000, 0xc000_0000].flatMap((convention) =>
  Array.from({ length: 64 }, (_, owner) => owner).flatMap((owner) =>
    [0, 1, 0x1f, 0x7fff, 0xff00, 0xffff].map((number) => (convention | (owner << 24) | number) >>> 0),
  ),
);
const known = new Set(calls.map(({ id }) => id >>> 0));

attack(3, "a function that does not exist is -1, by HVC and by SMC, and nothing else changes", ({ hostile }) => {
  for (const function_ of unknownIds) {
    if (known.has(function_)) continue;
    for (let n = 1; n < 31; n++) hostile.setX(n, BigInt(n) * 0x1_0001n);
    for (const way of ["hvc", "smc"] as const) {
      hostile.pc = ENTRY;
      assert.equal(hostile[way](JUNK | BigInt(function_)), NOT_SUPPORTED, `${way} ${function_.toString(16)}`);
      // An HVC was behind itself before it came here, an SMC is stepped over.
      assert.equal(hostile.pc, ENTRY + 4n, way);
      for (let n = 1; n < 31; n++) assert.equal(hostile.x(n), BigInt(n) * 0x1_0001n);
    }
  }
});

/** SiP, OEM, trusted applications and trusted OS, in both conventions. */
const secureIds = [
  0x8200_0000, 0x8200_ff01, 0xc200_0000, 0xc200_000d, 0x8300_0000, 0xc300_0001, 0xb000_0000, 0xb100_ffff, 0xf000_0000,
  0xb200_0000, 0xbf00_ff01, 0xf200_0001, 0xff00_ffff,
].map(BigInt);

attack(
  4,
  "calls of firmware and trusted OS never reach the firmware, though it would answer",
  ({ hostile, machine }) => {
    const before = machine.firmware.calls.length;
    for (const function_ of secureIds) {
      for (const way of ["hvc", "smc"] as const) {
        for (const junk of [0n, JUNK]) assert.equal(hostile[way](junk | function_, 1n, 2n, 3n), NOT_SUPPORTED);
        assert.equal(hostile[way](id("SMCCC_ARCH_FEATURES"), function_), NOT_SUPPORTED);
        assert.equal(hostile[way](id("PSCI_FEATURES"), function_), NOT_SUPPORTED);
      }
    }
    assert.equal(machine.firmware.calls.length, before);
  },
  { system: { workarounds: secureIds.map((one) => [one, 0n] as const) } },
);

/** Calls of the 32-bit convention that return, with arguments that mean something. */
const narrow: [string, bigint[]][] = [
  ["SMCCC_ARCH_FEATURES", [id("SMCCC_VERSION")]],
  ["PSCI_FEATURES", [id("PSCI_CPU_OFF")]],
  ["PSCI_AFFINITY_INFO_32", [1n, 0n]],
  ["PSCI_CPU_ON_32", [0n, ENTRY, 0n]],
  ["PSCI_CPU_ON_32", [1n, 0x10n, 0n]],
  ["PSCI_SYSTEM_RESET2_32", [1n, 0n]],
  ["PSCI_CPU_SUSPEND_32", [1n << 26n, 0n, 0n]],
  ["TRNG_FEATURES", [id("TRNG_RND_32")]],
  ["TRNG_RND_32", [97n]],
];

attack(
  5,
  "junk in the upper halves of a 32-bit call is not seen, nor above any identifier",
  ({ hostile }) => {
    for (const [name, args] of narrow) {
      const plain = hostile.hvc(id(name), ...args);
      for (const junk of [JUNK, 1n << 32n, 1n << 63n, 0xffff_ffffn << 32n]) {
        const masked = args.map((value) => value | junk);
        assert.equal(hostile.hvc(junk | id(name), ...masked), plain, `${name} by HVC`);
        assert.equal(hostile.smc(junk | id(name), ...masked), plain, `${name} by SMC`);
      }
    }
    // The context of a vCPU that is started is what is left of 64 bits, too.
    assert.equal(hostile.hvc(JUNK | id("PSCI_CPU_ON_32"), JUNK | 1n, JUNK | ENTRY, JUNK | 7n), 0n);
  },
  { hostile: { vcpus: 2 } },
);

// --- hypercalls

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

// --- EL0

attack(
  9,
  "BRK, debug and PMU traps of the guest's EL0 go to its own vector for a lower level, in AArch64 and AArch32",
  (scene) => {
    const { hostile } = scene;
    const registers = {
      PMCCNTR_EL0: [3, 3, 9, 13, 0],
      PMUSERENR_EL0: [3, 3, 9, 14, 0],
      PMXEVCNTR_EL0: [3, 3, 9, 13, 2],
      MDCCSR_EL0: [2, 3, 0, 1, 0],
      DBGDTR_EL0: [2, 3, 0, 4, 0],
      AMCR_EL0: [3, 3, 13, 2, 0],
      "a trace register": [2, 1, 0, 1, 0],
    };
    for (const [name, encoding] of Object.entries(registers)) {
      for (const read of [true, false])
        assertUndefined(hostile, () => hostile.systemRegister(encoding, 3, read), `${name} from EL0`, 0n);
    }
    for (const pstate of EL0) assertUndefined(hostile, () => hostile.exception(exceptionClass.EC_BRK, 1n), "BRK", pstate);
    // Always: COND is 14.
    const always = (1n << 24n) | (14n << 20n);
    for (const one of coprocessors) assertUndefined(hostile, () => hostile.exception(one, always), `class ${one}`, 0x10n);
    // Breakpoints, watchpoints, single steps and BRK are EL1's own: MDCR_EL2.TDE (bit 8) is clear, the debug and PMU traps are set.
    const controls = hostile.sysreg("MDCR_EL2");
    const traps = BigInt(el2Controls.MDCR_TDA | el2Controls.MDCR_TDRA | el2Controls.MDCR_TDOSA);
    assert.deepEqual([controls & (1n << 8n), controls & traps], [0n, traps]);
  },
);

// --- conditions

/** Whether a condition holds for flags NZCV (Arm ARM C1.2.4), written down as the manual has it. */
const holds = (condition: number, flags: number): boolean => {
  const [n, z, c, v] = [8, 4, 2, 1].map((bit) => (flags & bit) !== 0) as [boolean, boolean, boolean, boolean];
  const base = [z, c, n, v, c && !z, n === v, n === v && !z, true][condition >> 1] ?? true;
  return (condition & 1) === 1 && condition !== 15 ? !base : base;
};

attack(
  10,
  "a conditional instruction of AArch32 that fails its condition is passed over, whatever class it trapped with",
  ({ hostile }) => {
    for (const one of [...coprocessors, EC_WFX]) {
      for (let condition = 0; condition < 15; condition++) {
        for (let flags = 0; flags < 16; flags++) {
          if (holds(condition, flags)) continue;
          const pstate = 0x10n | (BigInt(flags) << 28n);
          const iss = (1n << 24n) | (BigInt(condition) << 20n);
          const syndrome = syndromeOf(hostile, () => hostile.exception(one, iss), pstate);
          assert.equal(syndrome, undefined, `class ${one}, condition ${condition}, flags ${flags}`);
          assert.ok(hostile.where !== undefined, "a WFI that is not carried out does not wait");
        }
      }
    }
  },
);

attack(10, "in a T32 block the state of the block says so, and moves on", ({ hostile }) => {
  // ITT EQ, its first instruction: IT[7:0] = 0000'0100; with Z clear it is passed over.
  const block = (it: number): bigint => 0x30n | (BigInt(it >> 2) << 10n) | (BigInt(it & 3) << 25n);
  hostile.pc = ENTRY;
  hostile.pstate = block(0b0000_0100);
  hostile.exception(EC_CP15_32, 0n);
  assert.deepEqual([hostile.pc, hostile.pstate], [ENTRY + 4n, block(0b0000_1000)]);
  hostile.exception(EC_CP15_32, 0n);
  assert.deepEqual([hostile.pc, hostile.pstate], [ENTRY + 8n, block(0)], "the block is over");
  assertUndefined(hostile, () => hostile.exception(EC_CP15_32, 0n), "outside a block it is unconditional", 0x30n);
});

attack(7, "memory that the VM may only read is a buffer like any other; what EL2 writes for it is no way to others", (scene) => {
  const { hostile } = scene;
  assert.equal(write(hostile, STOLEN_BASE, 8), 8n);
  assert.equal(write(hostile, STOLEN_BASE + 0xffc, 8), error("INVALID_ADDRESS"));
  useCaches(hostile);
  assert.equal(call(hostile, "PV_TIME_ST"), BigInt(STOLEN_BASE));
  assert.ok(hostile.load(UART_BASE + pl011.UART_FR, { rt: 4 }) !== 0n);
});
