// Attacks by memory accesses, and on memory: rows 24 to 38.

import assert from "node:assert/strict";
import { vmStates } from "../../../abi/calls.ts";
import { esrFields } from "../../../abi/esr.ts";
import { gicd } from "../../../abi/gic.ts";
import { guest as guestMachine } from "../../../abi/guest.ts";
import { pl011 } from "../../../abi/pl011.ts";
import { hcr } from "../../../abi/sysregs.ts";
import { bundleOfSystem, type VmOptions } from "../../../sim/bundles.ts";
import { PowerOff, Violation } from "../../../sim/faults.ts";
import { ec, Guest } from "../../../sim/guest.ts";
import { outputOf, RAM_BASE } from "../../../sim/start.ts";
import { MIB } from "../../../tool/size.ts";
import { call, error } from "../../unit/core/call.ts";
import { printed } from "../../unit/core/console-output.ts";
import { attack, attackAlone } from "./attack.ts";
import { assertAborted, callUnnoticed, dataAbort, EL1H, syndromeOf, VECTORS } from "./guests.ts";
import { HEALTHY, HOSTILE, MS, type Scene } from "./scene.ts";

const { GICD_BASE, GICD_SIZE, GICR_BASE, GICR_STRIDE, UART_BASE, UART_SIZE, RTC_BASE, RTC_SIZE, SHARED_BASE, STOLEN_BASE } =
  guestMachine;
const RAM_END = RAM_BASE + 16 * MIB;
/** Where a VM has nothing at all. */
const HOLES = [0x3000, 0x07ff_fffc, GICR_BASE + GICR_STRIDE, 0x0a00_0000, 0x2000_0000, RAM_BASE - 8, RAM_END, 2 ** 39 - 8];
const devices = [
  { name: "the UART", base: UART_BASE, size: UART_SIZE, widest: 4 },
  { name: "the clock", base: RTC_BASE, size: RTC_SIZE, widest: 4 },
  { name: "the distributor", base: GICD_BASE, size: GICD_SIZE, widest: 8 },
  { name: "the redistributor", base: GICR_BASE, size: GICR_STRIDE, widest: 8 },
];
const { ISS_ISV, ISS_CM, ISS_S1PTW, ISS_WNR, FSC_TRANSLATION, FSC_PERMISSION, FSC_ACCESS_FLAG } = esrFields;
/** The origins of an access: the guest's EL1, and its EL0. */
const origins = [EL1H, 0n];
const widths = [1, 2, 4, 8] as const;

/** What the hostile VM has printed. */
const printedBy = ({ machine }: Scene): string =>
  printed(machine.uart.output)
    .split("\n")
    .filter((line) => line.startsWith("hostile| "))
    .join("\n");

/** Registers of its devices that an access which is not carried out must leave alone. */
const deviceState = (guest: Guest): bigint[] =>
  [
    UART_BASE + pl011.UART_IBRD,
    UART_BASE + pl011.UART_IMSC,
    RTC_BASE + 4,
    RTC_BASE + 8,
    GICD_BASE,
    GICD_BASE + gicd.GICD_ISENABLER + 4,
    GICD_BASE + gicd.GICD_IPRIORITYR + 32,
    GICR_BASE + 0x14,
    GICR_BASE + 0x1_0000 + gicd.GICD_IPRIORITYR,
  ].map((address) => guest.load(address, { rt: 29 }));

const PEER = 2;
const XZR = 31;

attack(
  24,
  "a pair, write-back, SIMD, atomic or DC ZVA on a device or on nothing is an external abort, and no device takes part in it",
  (scene) => {
    const { hostile } = scene;
    const before = deviceState(hostile);
    for (const address of [...devices.flatMap(({ base, size }) => [base, base + 0x18, base + size - 16]), ...HOLES]) {
      for (const pstate of origins) {
        for (const bytes of widths) {
          const access = { noSyndrome: true, bytes, rt: 3 };
          hostile.setX(3, 0x41n);
          assertAborted(hostile, () => hostile.load(address, access), { what: `load at ${address.toString(16)}`, pstate });
          assertAborted(hostile, () => hostile.store(address, 0x41n, access), {
            what: `store at ${address.toString(16)}`,
            pstate,
          });
        }
      }
    }
    assert.deepEqual(deviceState(hostile), before);
    assert.equal(printedBy(scene), "");
  },
);

attack(
  25,
  "cache maintenance on a device, on nothing and on read-only memory does nothing, reads nothing, and goes on",
  (scene) => {
    const { hostile, machine } = scene;
    machine.uart.type("typed");
    const before = deviceState(hostile);
    const content = Buffer.from(hostile.memory(0, 4096));
    const addresses = [...devices.map(({ base }) => base), UART_BASE + pl011.UART_DR, ...HOLES];
    for (const pstate of origins) {
      for (const kind of [FSC_TRANSLATION, FSC_PERMISSION]) {
        for (const address of kind === FSC_PERMISSION ? [0, STOLEN_BASE] : addresses) {
          for (let level = 0; level < 4; level++) {
            // DC IVAC, CIVAC, CVAU: WnR is set; ISV is not.
            const iss = BigInt(ISS_CM | ISS_WNR | kind | level);
            const step = (): void => dataAbort(hostile, iss, BigInt(address), Guest.hpfar(address));
            assert.equal(syndromeOf(hostile, step, pstate), undefined, address.toString(16));
          }
        }
      }
    }
    assert.deepEqual(deviceState(hostile), before);
    assert.ok(content.equals(Buffer.from(hostile.memory(0, 4096))));
    assert.equal(machine.uart.waiting, 5, "input was not taken");
  },
  { hostile: { regions: [{ ipa: 0, size: 4096, readOnly: true, file: Buffer.from("rom") }] }, places: ["apart"] },
);

attack(26, "a permission fault is an abort, whatever HPFAR_EL2 holds: the address of a device, or of nothing", (scene) => {
  const { hostile } = scene;
  const before = deviceState(hostile);
  for (const ipa of [UART_BASE, RTC_BASE, GICD_BASE, GICR_BASE, 0, RAM_BASE]) {
    for (const kind of [FSC_PERMISSION, FSC_ACCESS_FLAG]) {
      for (let level = 1; level < 4; level++) {
        for (const write of [0, ISS_WNR]) {
          hostile.setX(0, 0x41n);
          // A store of a word, with all that a device would want to know.
          const iss = BigInt(ISS_ISV | (2 << 22) | write | kind | level);
          assertAborted(hostile, () => dataAbort(hostile, iss, BigInt(STOLEN_BASE), Guest.hpfar(ipa)));
        }
      }
    }
  }
  assert.deepEqual(deviceState(hostile), before);
  assert.equal(printedBy(scene), "");
});

attack(
  27,
  "a walk of the guest's tables that ends in a device or in nothing is an abort on the walk, of data and of fetches",
  (scene) => {
    const { hostile } = scene;
    const before = deviceState(hostile);
    for (const ipa of [UART_BASE, RTC_BASE, GICD_BASE, 0x3000_0000, RAM_END]) {
      for (const status of [FSC_TRANSLATION, FSC_TRANSLATION + 1, FSC_TRANSLATION + 3, FSC_PERMISSION, FSC_PERMISSION + 3]) {
        for (const pstate of origins) {
          for (const more of [0, ISS_WNR, ISS_ISV | (2 << 22), ISS_ISV | ISS_WNR | (2 << 22), ISS_CM | ISS_WNR]) {
            const iss = BigInt(ISS_S1PTW | more | status);
            const step = (): void => dataAbort(hostile, iss, 0xffff_0000_0000_1234n, Guest.hpfar(ipa));
            assertAborted(hostile, step, { walk: true, pstate });
          }
          const fetch = (): void =>
            hostile.exception(ec.FETCH, BigInt(ISS_S1PTW | status), { far: 0x1234n, hpfar: Guest.hpfar(ipa) });
          assertAborted(hostile, fetch, { walk: true, fetch: true, pstate });
        }
      }
    }
    assert.deepEqual(deviceState(hostile), before);
    assert.equal(printedBy(scene), "");
  },
);

attack(28, "a fetch from a device, from nothing or from shared memory is an instruction abort", ({ hostile }) => {
  for (const address of [...devices.map(({ base }) => base), ...HOLES, STOLEN_BASE].map((one) => one - (one % 4))) {
    for (const pstate of origins)
      assertAborted(hostile, () => hostile.fetch(address), { fetch: true, pstate, at: BigInt(address), what: `${address}` });
  }
});

for (const crashPolicy of ["stop", "reset"] as const) {
  attack(
    28,
    "a guest whose own vector cannot be fetched comes to its own end, by its crash policy, instead of faulting for ever",
    (scene) => {
      for (const vectors of [0x3000_0000n, BigInt(UART_BASE), BigInt(RAM_END)]) {
        for (const pstate of [EL1H, 0x3c4n, 0n]) {
          if (scene.stateOf(HOSTILE) === vmStates.VM_CRASHED) scene.control("START", HOSTILE);
          const before = scene.crashesOf(HOSTILE);
          const guest = scene.hostile;
          guest.setSysreg("VBAR_EL1", vectors);
          guest.pstate = pstate;
          guest.fetch(0x3000_0000);
          // The abort is an exception of its own, whose vector is not there either; then it is at the very vector that it comes from.
          for (let n = 0; n < 2 && guest.where !== undefined && scene.crashesOf(HOSTILE) === before; n++) {
            const again = scene.hostile;
            again.fetch(Number(again.pc));
          }
          assert.equal(scene.crashesOf(HOSTILE), before + 1n, `from ${pstate.toString(16)}`);
          scene.machine.run.advance(50n * MS);
          const wanted = crashPolicy === "stop" ? vmStates.VM_CRASHED : vmStates.VM_RUNNING;
          assert.equal(scene.stateOf(HOSTILE), wanted);
        }
      }
    },
    { hostile: { crashPolicy, memory: 2 * MIB }, controller: true },
  );
}

attack(29, "high bits make no alias of RAM or of a device, and the address behind RAM is nothing", (scene) => {
  const { hostile } = scene;
  const before = deviceState(hostile);
  for (const base of [RAM_BASE, RAM_BASE + 0x1000, UART_BASE, RTC_BASE, GICD_BASE, GICR_BASE]) {
    for (const high of [2 ** 39, 2 ** 40, 2 ** 43, 2 ** 47, 2 ** 39 + 2 ** 40]) {
      for (const bytes of [1, 4] as const) {
        assertAborted(hostile, () => hostile.load(base + high, { bytes }), { what: `load at ${(base + high).toString(16)}` });
        hostile.setX(0, 0x41n);
        assertAborted(hostile, () => hostile.store(base + high, 0x41n, { bytes }));
      }
    }
  }
  for (const bytes of widths) {
    hostile.store(RAM_END - bytes, 0n, { bytes });
    assert.equal(hostile.load(RAM_END - bytes, { bytes, rt: 4 }), 0n);
    assertAborted(hostile, () => hostile.load(RAM_END, { bytes }), { what: "behind the end" });
    assertAborted(hostile, () => hostile.load(RAM_BASE - bytes, { bytes }), { what: "before the start" });
  }
  assert.deepEqual(deviceState(hostile), before);
  assert.equal(printedBy(scene), "");
});

// --- accesses to devices

attack(
  30,
  "every width at every byte of a register, and at both ends of each device: its value, or an external abort",
  ({ hostile }) => {
    for (const { name, base, size, widest } of devices) {
      const offsets = [...Array.from({ length: 40 }, (_, n) => n), ...Array.from({ length: 24 }, (_, n) => size - 16 + n)];
      for (const offset of [-8, -4, -2, -1, ...offsets]) {
        for (const bytes of widths) {
          const address = base + offset;
          const lies = devices.some((one) => address >= one.base && address + bytes <= one.base + one.size);
          const answers = lies && address % bytes === 0 && bytes <= widest;
          for (const write of [false, true]) {
            // UARTDR would print, and GICD_CTLR switch interrupts on.
            const step = (): void =>
              write ? hostile.store(address, 0n, { bytes, rt: XZR }) : void hostile.load(address, { bytes, rt: XZR });
            const what = `${bytes} bytes at ${offset} of ${name}`;
            if (answers) assert.equal(syndromeOf(hostile, step), undefined, what);
            else assertAborted(hostile, step, { what });
          }
        }
      }
    }
  },
  { places: ["apart"] },
);

attack(
  31,
  "loads of every width, sign-extended or not, into X and W: the exact value, and nothing of what was there",
  ({ hostile }) => {
    const bytes = [0x80, 0xf8, 0x00, 0x78, 0xf0, 0x08, 0xe8, 0x10];
    const at = GICD_BASE + gicd.GICD_IPRIORITYR + 64;
    for (const [n, byte] of bytes.entries()) hostile.store(at + n, BigInt(byte), { bytes: 1, rt: 5 });
    for (const width of widths) {
      for (let offset = 0; offset < 8; offset += width) {
        const value = bytes.slice(offset, offset + width).reduceRight((word, byte) => (word << 8n) | BigInt(byte), 0n);
        for (const wide of width === 8 ? [true] : [false, true]) {
          for (const signed of width === 8 || (width === 4 && !wide) ? [false] : [false, true]) {
            const extended = signed ? BigInt.asUintN(wide ? 64 : 32, BigInt.asIntN(8 * width, value)) : value;
            for (const stale of [0n, 0xffff_ffff_ffff_ffffn, 0x5555_aaaa_5555_aaaan]) {
              hostile.setX(9, stale);
              assert.equal(
                hostile.load(at + offset, { bytes: width, signed, wide, rt: 9 }),
                extended,
                `${width} ${signed} ${wide}`,
              );
            }
          }
        }
      }
    }
  },
);

attack(
  32,
  "stores into a share, a region and a page that may only be read: aborts, in any width, and not a byte changes",
  (scene) => {
    const peer = scene.vcpu(PEER);
    for (let at = 0; at < 4096; at += 8) peer.store(SHARED_BASE + at, BigInt(at) * 0x1_0001n, { bytes: 8 });
    const before = Buffer.from(peer.memory(SHARED_BASE, 4096));
    const { hostile } = scene;
    const own = [0, STOLEN_BASE].map((ipa) => Buffer.from(hostile.memory(ipa, 4096)));
    for (const base of [SHARED_BASE, 0, STOLEN_BASE]) {
      for (const offset of [0, 8, 0x7f8, 0xff8]) {
        for (const bytes of widths) {
          for (const noSyndrome of [false, true]) {
            hostile.setX(0, 0xbadn);
            assertAborted(hostile, () => hostile.store(base + offset, 0xbadn, { bytes, noSyndrome }));
          }
        }
      }
      assert.ok(!("fault" in hostile.translate(base)), "it can be read");
    }
    for (const [n, ipa] of [0, STOLEN_BASE].entries()) assert.ok(own[n]?.equals(hostile.memory(ipa, 4096)));
    assert.ok(before.equals(scene.vcpu(PEER).memory(SHARED_BASE, 4096)));
    assert.equal(before.compare(Buffer.from(scene.hostile.memory(SHARED_BASE, 4096))), 0, "it sees what the other one wrote");
  },
  {
    hostile: {
      regions: [{ ipa: 0, size: 4096, readOnly: true, file: Buffer.from("rom") }],
      shared: [{ region: "common", readOnly: true }],
    },
    more: [{ shared: [{ region: "common", readOnly: false }] }],
    system: { shared: [{ name: "common", size: 2 * MIB }] },
  },
);

// --- what is mapped, and what was

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
  "a create that fails half-way, for want of RAM or of a row of it, gives back what it had; afterwards what fits is made",
  (scene) => {
    const before = scene.free;
    for (let round = 0; round < 20; round++) {
      for (const vm of [3, 4]) assert.equal(call(scene.controller, "HL_VM_CREATE", vm), error("NO_MEMORY"));
      assert.deepEqual(scene.free, before);
    }
    scene.control("CREATE", 5);
    scene.control("START", 5);
    assert.equal(call(scene.vcpu(5), "PSCI_VERSION"), 0x1_0001n);
    scene.control("DESTROY", 5);
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
