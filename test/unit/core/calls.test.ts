// The calls beside PSCI: random bits (Arm DEN0098) and the vendor range of Hyper-LITE.

import assert from "node:assert/strict";
import { test } from "node:test";
import { calls, trngUuid, vcpuFacts, vendorUid, version, vmFacts } from "../../../abi/calls.ts";
import type { Guest } from "../../../sim/guest.ts";
import { boot, FDT_AT, load, RAM_BASE, start, startSystem } from "../../../sim/start.ts";
import { MIB } from "../../../tool/size.ts";
import { shown } from "./log-lines.ts";

const id = (name: string): bigint => {
  const call = calls.find((one) => one.name === name);
  assert.ok(call !== undefined, name);
  return BigInt(call.id);
};
const error = (value: number): bigint => BigInt.asUintN(64, BigInt(value));
const [NOT_SUPPORTED, INVALID_PARAMETERS, INVALID_ADDRESS] = [-1, -2, -9].map(error);
const JUNK = 0xdead_beefn << 32n;

// --- TRNG

const TRNG = ["TRNG_VERSION", "TRNG_FEATURES", "TRNG_GET_UUID", "TRNG_RND_32", "TRNG_RND_64"];

test("without a seed there are no random bits to give: NOT_SUPPORTED, all of it", () => {
  for (const seedBytes of [0, 8, 24]) {
    const guest = start({ board: { seedBytes } });
    for (const name of TRNG) assert.equal(guest.hvc(id(name), id("TRNG_VERSION")), NOT_SUPPORTED, name);
  }
});

test("TRNG 1.0, its features and its UUID", () => {
  const guest = start();
  assert.equal(guest.hvc(id("TRNG_VERSION")), 0x1_0000n);
  for (const name of TRNG) assert.equal(guest.hvc(id("TRNG_FEATURES"), id(name)), 0n, name);
  assert.equal(guest.hvc(id("TRNG_FEATURES"), id("PSCI_VERSION")), error(-1));
  guest.hvc(id("TRNG_GET_UUID"));
  assert.deepEqual(
    [0, 1, 2, 3].map((n) => Number(guest.x(n))),
    Object.values(trngUuid),
  );
});

for (const width of [32, 64]) {
  test(`RND (${width} bits): as many bits as asked for, right-aligned over x1:x2:x3, zeros above`, () => {
    const guest = start();
    const mask = (bits: number): bigint => (1n << BigInt(Math.max(0, Math.min(bits, width)))) - 1n;
    for (let bits = 1; bits <= 3 * width; bits++) {
      assert.equal(guest.hvc(id(`TRNG_RND_${width}`), BigInt(bits), JUNK, JUNK), 0n);
      for (const [n, first] of [
        [3, 0],
        [2, width],
        [1, 2 * width],
      ] as const) {
        assert.equal(guest.x(n) & ~mask(bits - first), 0n, `${bits} bits, x${n}`);
      }
    }
  });

  test(`RND (${width} bits): none, and too many, are INVALID_PARAMETERS`, () => {
    const guest = start();
    for (const bits of [0n, BigInt(3 * width + 1), 0xffff_ffffn]) {
      assert.equal(guest.hvc(id(`TRNG_RND_${width}`), bits), error(-2), `${bits}`);
    }
  });
}

test("random bits differ from call to call, and are the seed's: the same on every run with it", () => {
  const draw = (guest: Guest): bigint[] =>
    Array.from({ length: 20 }, () => {
      guest.hvc(id("TRNG_RND_64"), 192n);
      return guest.x(1);
    });
  const first = draw(start());
  assert.equal(new Set(first).size, 20);
  assert.deepEqual(draw(start()), first);
  assert.notDeepEqual(draw(start({ board: { seedBytes: 48 } })), first);
});

test("every byte of the board's seed counts", () => {
  const drawn = new Set<bigint>();
  const seed = Buffer.from(Uint8Array.from({ length: 64 }, (_, n) => (n * 37 + 11) & 0xff));
  for (let byte = 0; byte <= seed.length; byte++) {
    const machine = load({ board: { seedBytes: seed.length } });
    const at = FDT_AT + Buffer.from(machine.ram.readBytes(FDT_AT, 0x2000)).indexOf(seed);
    assert.ok(at >= FDT_AT);
    // Words that are folded into one another are changed in different bits.
    if (byte < seed.length) machine.ram.write(at + byte, 1, BigInt(seed[byte]! ^ (0x80 >> (byte >> 5))));
    const guest = boot(machine);
    assert.equal(guest.hvc(id("TRNG_RND_64"), 64n), 0n);
    drawn.add(guest.x(3));
  }
  assert.equal(drawn.size, seed.length + 1);
});

/** Where the value of a property of the guest's device tree lies, if it is there. */
const seedIn = (guest: Guest, bytes: number): Buffer | undefined => {
  const tree = Buffer.from(guest.memory(RAM_BASE, 0x1000));
  const prop = Buffer.from([0, 0, 0, 3, 0, 0, 0, bytes]);
  const at = tree.indexOf(prop);
  return at < 0 ? undefined : tree.subarray(at + 12, at + 12 + bytes);
};

test("the guest's device tree has a seed of its own at each start; without one on the board, none at all", () => {
  const [one, other] = [seedIn(start(), 64), seedIn(start({ board: { seedBytes: 40 } }), 64)];
  assert.ok(one !== undefined && other !== undefined);
  assert.ok(one.some((byte) => byte !== 0));
  assert.notDeepEqual(one, other);
  const guest = start();
  const before = seedIn(guest, 64);
  guest.hvc(id("PSCI_SYSTEM_RESET"));
  assert.notDeepEqual(seedIn(guest, 64), before);
  assert.equal(seedIn(start({ board: { seedBytes: 0 } }), 64), undefined);
});

// --- vendor calls

test("who answers the vendor range", () => {
  const guest = start();
  guest.hvc(id("VENDOR_UID"));
  assert.deepEqual(
    [0, 1, 2, 3].map((n) => Number(guest.x(n))),
    Object.values(vendorUid),
  );
  const { VERSION_MAJOR, VERSION_MINOR, VERSION_PATCH } = version;
  assert.equal(guest.hvc(id("HL_VERSION")), (BigInt(VERSION_MAJOR) << 32n) | BigInt((VERSION_MINOR << 16) | VERSION_PATCH));
});

test("null and yield do nothing, successfully", () => {
  const guest = start();
  assert.equal(guest.hvc(id("HL_NULL"), 1n), 0n);
  assert.equal(guest.hvc(id("HL_YIELD"), 1n), 0n);
  assert.equal(guest.x(1), 1n);
});

test("facts about the VM", () => {
  const guest = start({ vm: { memory: 32 * MIB } });
  const fact = (number: number): bigint => {
    assert.equal(guest.hvc(id("HL_VM_FACT"), BigInt(number)), 0n);
    return guest.x(1);
  };
  assert.equal(fact(vmFacts.VM_FACT_ID), 0n);
  assert.equal(fact(vmFacts.VM_FACT_MEMORY), BigInt(32 * MIB));
  assert.equal(fact(vmFacts.VM_FACT_VCPUS), 1n);
  assert.equal(fact(vmFacts.VM_FACT_START_COUNT), 0n);
  assert.equal(fact(vmFacts.VM_FACT_CPUS), 1n);
});
test("a VM knows how many CPUs take part", () => {
  const { guest } = startSystem({ cpus: 3, vms: [{}] }).cpu(0);
  assert.ok(guest !== undefined);
  assert.equal(guest.hvc(id("HL_VM_FACT"), BigInt(vmFacts.VM_FACT_CPUS)), 0n);
  assert.equal(guest.x(1), 3n);
});

test("facts about the vCPU: its exits and interrupts are counted", () => {
  const guest = start();
  const fact = (number: number): bigint => {
    assert.equal(guest.hvc(id("HL_VCPU_FACT"), BigInt(number)), 0n);
    return guest.x(1);
  };
  assert.equal(fact(vcpuFacts.VCPU_FACT_ID), 0n);
  const exits = fact(vcpuFacts.VCPU_FACT_EXITS);
  guest.hvc(id("HL_NULL"));
  assert.equal(fact(vcpuFacts.VCPU_FACT_EXITS), exits + 2n);
  const interrupts = fact(vcpuFacts.VCPU_FACT_INTERRUPTS);
  guest.machine.timer.virtual.control = 1;
  guest.poll();
  assert.equal(fact(vcpuFacts.VCPU_FACT_INTERRUPTS), interrupts + 1n);
});

test("facts about the vCPU: the time it had, what it waited for a CPU, its switches, its CPU", () => {
  const MS = 62_500n;
  const machine = startSystem({ cpus: 1, vms: [{}, {}] });
  const facts = (guest: Guest): bigint[] =>
    (["VCPU_FACT_RUN_TIME", "VCPU_FACT_STOLEN", "VCPU_FACT_SWITCHES", "VCPU_FACT_CPU"] as const).map((name) => {
      assert.equal(guest.hvc(id("HL_VCPU_FACT"), BigInt(vcpuFacts[name])), 0n);
      return guest.x(1);
    });
  const running = (): Guest => {
    const { guest } = machine.cpu(0);
    assert.ok(guest !== undefined);
    return guest;
  };
  const one = running();
  machine.run.advance(5n * MS);
  assert.notEqual(running(), one);
  machine.run.advance(5n * MS);
  assert.equal(running(), one);
  const before = facts(one);
  machine.run.advance(20n * MS);
  assert.equal(running(), one);
  const after = facts(one);
  // Two turns of 5 ms each, and two of the other one, in ticks of the counter.
  assert.deepEqual(
    after.map((value, n) => value - before[n]!),
    [10n * MS, 10n * MS, 2n, 0n],
  );
  assert.equal(after[3], 0n);
});

test("unknown facts are INVALID_PARAMETERS, large numbers are no small ones", () => {
  const guest = start();
  for (const name of ["HL_VM_FACT", "HL_VCPU_FACT"]) {
    for (const fact of [7n, 99n, 0xffff_ffffn, 1n << 32n, 0xffff_ffff_ffff_ffffn]) {
      guest.setX(1, fact);
      assert.equal(guest.hvc(id(name), fact), INVALID_PARAMETERS, `${name} ${fact}`);
    }
  }
});

// --- stolen time (DEN0057)

test("what there is of paravirtualized time is told, and nothing else", () => {
  const guest = start();
  for (const name of ["PV_TIME_FEATURES", "PV_TIME_ST"]) assert.equal(guest.hvc(id("PV_TIME_FEATURES"), id(name)), 0n, name);
  for (const other of [id("PV_TIME_ST") + 1n, id("PSCI_VERSION"), 0n, id("PV_TIME_ST") | (1n << 32n)])
    assert.equal(guest.hvc(id("PV_TIME_FEATURES"), other), NOT_SUPPORTED);
});

// --- the console

const MEMORY = 16 * MIB;
const write = (guest: Guest, ipa: number | bigint, bytes: number | bigint): bigint => {
  guest.machine.uart.take();
  return guest.hvc(id("HL_CONSOLE_WRITE"), BigInt(ipa), BigInt(bytes));
};
const put = (guest: Guest, ipa: number, text: string): void => {
  const found = guest.translate(ipa);
  assert.ok(!("fault" in found));
  guest.machine.ram.writeBytes(found.output + (ipa - found.input), Buffer.from(text, "latin1"));
};

test("bytes of the VM's memory appear on its console", () => {
  const guest = start();
  put(guest, RAM_BASE + 0x1003, "hello, world\r\n");
  assert.equal(write(guest, RAM_BASE + 0x1003, 14), 14n);
  assert.equal(guest.machine.uart.output, "hello, world\r\n");
});

test("no bytes are written successfully, wherever they are not", () => {
  const guest = start();
  assert.equal(write(guest, 0, 0), 0n);
  assert.equal(guest.machine.uart.output, "");
});

test("up to 1,024 bytes, across pages and across blocks", () => {
  const guest = start();
  for (const ipa of [RAM_BASE + 0x1000 - 1, RAM_BASE + 0x20_0000 - 700, RAM_BASE + MEMORY - 1024, RAM_BASE + 0x3000]) {
    const text = Array.from({ length: 1024 }, (_, n) => String.fromCharCode(48 + (n % 60))).join("");
    put(guest, ipa, text);
    assert.equal(write(guest, ipa, 1024), 1024n);
    assert.equal(guest.machine.uart.output, text);
  }
});

const refused: Record<string, [number | bigint, number | bigint, bigint | undefined]> = {
  "more than 1,024": [RAM_BASE, 1025, INVALID_PARAMETERS],
  "a huge number": [RAM_BASE, 0xffff_ffff_ffff_ffffn, INVALID_PARAMETERS],
  "a number with junk above": [RAM_BASE, JUNK | 4n, INVALID_PARAMETERS],
  "an address that wraps": [0xffff_ffff_ffff_fff0n, 32, INVALID_PARAMETERS],
  "the last byte of all addresses": [0xffff_ffff_ffff_ffffn, 1, INVALID_PARAMETERS],
  "below RAM": [RAM_BASE - 4, 4, INVALID_ADDRESS],
  "into RAM from below": [RAM_BASE - 2, 4, INVALID_ADDRESS],
  "out of RAM": [RAM_BASE + MEMORY - 2, 4, INVALID_ADDRESS],
  "behind RAM": [RAM_BASE + MEMORY, 4, INVALID_ADDRESS],
  "a device": [0x0900_0000, 4, INVALID_ADDRESS],
  "an alias beyond 39 bits": [BigInt(RAM_BASE) + (1n << 39n), 4, INVALID_ADDRESS],
  "junk above the address": [JUNK | BigInt(RAM_BASE), 4, INVALID_ADDRESS],
};
for (const [name, [ipa, bytes, expected]] of Object.entries(refused)) {
  test(`a console write is refused, and writes nothing: ${name}`, () => {
    const guest = start();
    const answer = write(guest, ipa, bytes);
    if (name !== "the last byte of all addresses") assert.equal(answer, expected);
    else assert.ok(answer === INVALID_PARAMETERS || answer === INVALID_ADDRESS);
    assert.equal(guest.machine.uart.output, "");
  });
}

test("a read-only region is memory of the VM too", () => {
  const guest = start({ vm: { regions: [{ ipa: 0, size: 4096, readOnly: true, file: Buffer.from("rom text") }] } });
  assert.equal(write(guest, 4, 4), 4n);
  assert.equal(guest.machine.uart.output, "text");
  assert.equal(write(guest, 4096 - 2, 4), INVALID_ADDRESS);
});

test("a VM's line that is unfinished is finished before a log line", () => {
  const guest = start();
  put(guest, RAM_BASE, "prompt> ");
  write(guest, RAM_BASE, 8);
  guest.exception(0x3f, 0n);
  assert.match(shown(guest.machine.uart.output), /^prompt> \r\n<4>\[.*\r\n$/);
});
