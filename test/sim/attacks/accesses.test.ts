// Attacks by accesses to memory and to devices: rows 24 to 32.

import assert from "node:assert/strict";
import { vmStates } from "../../../abi/calls.ts";
import { esrFields } from "../../../abi/esr.ts";
import { gicd } from "../../../abi/gic.ts";
import { guest as guestMachine } from "../../../abi/guest.ts";
import { pl011 } from "../../../abi/pl011.ts";
import { ec, Guest } from "../../../sim/guest.ts";
import { RAM_BASE } from "../../../sim/start.ts";
import { MIB } from "../../../tool/size.ts";
import { printed } from "../../unit/core/console-output.ts";
import { attack } from "./attack.ts";
import { assertAborted, dataAbort, EL1H, syndromeOf } from "./guests.ts";
import { HOSTILE, MS, type Scene } from "./scene.ts";

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
