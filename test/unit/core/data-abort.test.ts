// Data aborts (Arm ARM D24.2.40, ISS encoding for an exception from a Data Abort): a device access by every load and store that carries a syndrome, and
// everything that carries none, or means something else.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gicd } from "../../../abi/gic.ts";
import { guest as machine } from "../../../abi/guest.ts";
import { pl011 } from "../../../abi/pl011.ts";
import { type Access, ec, Guest } from "../../../sim/guest.ts";
import { start } from "../../../sim/start.ts";

const STALE = 0xa5a5_a5a5_a5a5_a5a5n;
const VECTORS = 0x4010_0000n;
const IL = 1n << 25n;
/** What the guest finds in ESR_EL1 after an external abort on data, from its EL1. */
const EXTERNAL = (0x25n << 26n) | IL | 0x10n;
/** IPRIORITYR of SPIs 32 to 39: eight bytes that are read as they were written, in five bits each. */
const PRIORITIES = machine.GICD_BASE + gicd.GICD_IPRIORITYR + 32;
const PATTERN = 0xf8a8_9888_7850_2810n;

const at = (pc = 0x4008_0000n): Guest => {
  const guest = start();
  guest.pc = pc;
  guest.setSysreg("VBAR_EL1", VECTORS);
  return guest;
};

/** Whether the last exit ended in an external abort at the given address. */
const assertAborted = (guest: Guest, address: number, pc = 0x4008_0000n): void => {
  assert.equal(guest.sysreg("ESR_EL1"), EXTERNAL);
  assert.equal(guest.sysreg("FAR_EL1"), BigInt(address));
  assert.equal(guest.sysreg("ELR_EL1"), pc);
  assert.equal(guest.pc, VECTORS + 0x200n);
};

const sizes = [1, 2, 4, 8] as const;
const registers = [0, 7, 30, 31];

for (const bytes of sizes) {
  for (const signed of [false, true]) {
    for (const wide of [false, true]) {
      test(`a load of ${bytes} bytes, ${signed ? "sign-extending" : "plain"}, into ${wide ? "X" : "W"}: the exact value, nothing stale`, () => {
        const guest = at();
        guest.store(PRIORITIES, PATTERN, { bytes: 8, rt: 1 });
        for (const rt of registers) {
          for (let offset = 0; offset < 8; offset += bytes) {
            guest.setX(rt, STALE);
            const { pc } = guest;
            const value = guest.load(PRIORITIES + offset, { bytes, signed, wide, rt });
            const raw = BigInt.asUintN(8 * bytes, PATTERN >> BigInt(8 * offset));
            const extended = signed ? BigInt.asUintN(64, BigInt.asIntN(8 * bytes, raw)) : raw;
            assert.equal(value, rt === 31 ? 0n : wide ? extended : extended & 0xffff_ffffn, `x${rt}, byte ${offset}`);
            assert.equal(guest.pc, pc + 4n);
          }
        }
      });
    }
  }

  test(`a store of ${bytes} bytes: from any register, upper bits ignored, XZR is zero`, () => {
    const guest = at();
    for (const rt of registers) {
      for (let offset = 0; offset < 8; offset += bytes) {
        guest.store(PRIORITIES, PATTERN, { bytes: 8, rt: 1 });
        const low = BigInt.asUintN(8 * bytes, 0x3020_1808_9060_40c8n);
        guest.store(PRIORITIES + offset, bytes === 8 ? low : low | (STALE << BigInt(8 * bytes)), { bytes, rt });
        const field = BigInt.asUintN(8 * bytes, -1n) << BigInt(8 * offset);
        const stored = rt === 31 ? 0n : low << BigInt(8 * offset);
        assert.equal(
          guest.load(PRIORITIES, { bytes: 8, rt: 2 }),
          (PATTERN & ~field) | (stored & field),
          `x${rt}, byte ${offset}`,
        );
      }
    }
  });
}

test("no other register changes with a load", () => {
  const guest = at();
  for (let n = 0; n < 31; n++) guest.setX(n, STALE + BigInt(n));
  guest.load(machine.UART_BASE + pl011.UART_FR, { rt: 9 });
  for (let n = 0; n < 31; n++) if (n !== 9) assert.equal(guest.x(n), STALE + BigInt(n));
});

const unanswered: Record<string, [number, Access]> = {
  "nothing at all": [0x3000_0000, {}],
  "the page behind the UART": [machine.UART_BASE + machine.UART_SIZE, {}],
  "the byte before the distributor": [machine.GICD_BASE - 1, { bytes: 1 }],
  "behind the only redistributor": [machine.GICR_BASE + machine.GICR_STRIDE, {}],
  "a virtio transport that is not there": [machine.VIRTIO_BASE, {}],
  "no valid syndrome: a pair, write-back, SIMD or atomic on the UART": [machine.UART_BASE, { noSyndrome: true }],
  "no valid syndrome on the distributor": [machine.GICD_BASE, { noSyndrome: true }],
  "8 bytes of the UART": [machine.UART_BASE, { bytes: 8 }],
  "8 bytes of the clock": [machine.RTC_BASE, { bytes: 8 }],
  "2 bytes across a boundary": [machine.UART_BASE + 1, { bytes: 2 }],
  "4 bytes across a boundary": [machine.GICD_BASE + 2, { bytes: 4 }],
  "8 bytes across a boundary": [machine.GICD_BASE + 0x6104, { bytes: 8 }],
  "4 bytes across the end of the UART": [machine.UART_BASE + 0xffe, { bytes: 4 }],
};

for (const [name, [address, access]] of Object.entries(unanswered)) {
  test(`an external abort for the guest: ${name}`, () => {
    const guest = at();
    guest.setX(0, STALE);
    guest.load(address, access);
    assertAborted(guest, address);
    assert.equal(guest.x(0), STALE);
    const again = at();
    again.store(address, 1n, access);
    assertAborted(again, address);
  });
}

/** A data abort with any syndrome, on the UART's page unless said otherwise. */
const abort = (guest: Guest, iss: bigint, ipa: number = machine.UART_BASE): void =>
  guest.exception(ec.DATA, iss, { far: BigInt(ipa), hpfar: Guest.hpfar(ipa) });
const ISV = 1n << 24n;
const CM = 1n << 8n;
const S1PTW = 1n << 7n;
const WNR = 1n << 6n;
const TRANSLATION = 7n;
const PERMISSION = 0xfn;

test("cache maintenance on a device, on nothing, or on memory that may only be read does nothing", () => {
  for (const [status, ipa] of [
    [TRANSLATION, machine.UART_BASE],
    [TRANSLATION, 0x3000_0000],
    [PERMISSION, 0],
  ] as const) {
    const guest = at();
    abort(guest, CM | WNR | status, ipa);
    assert.equal(guest.pc, 0x4008_0004n);
    assert.equal(guest.machine.uart.output.includes("no answer"), false);
  }
});

test("a walk that lands in a device or in nothing is an abort on the walk, never an emulation", () => {
  for (const status of [TRANSLATION, PERMISSION]) {
    for (const more of [0n, ISV | (2n << 22n), ISV | WNR, CM]) {
      const guest = at();
      guest.machine.uart.take();
      abort(guest, S1PTW | more | status);
      assert.equal(guest.sysreg("ESR_EL1"), (0x25n << 26n) | IL | 0x14n);
      assert.equal(guest.pc, VECTORS + 0x200n);
    }
  }
});

test("a permission fault is never emulated: HPFAR_EL2 means nothing then", () => {
  const guest = at();
  abort(guest, ISV | (2n << 22n) | PERMISSION);
  assertAborted(guest, machine.UART_BASE);
});

test("every other fault status becomes an external abort", () => {
  const guest = at();
  for (let status = 0n; status < 64n; status++) {
    if (status >= 4n && status <= 7n) continue;
    guest.pc = 0x4008_0000n;
    abort(guest, ISV | (2n << 22n) | status);
    assertAborted(guest, machine.UART_BASE);
  }
});

test("the level of a translation fault makes no difference to a device", () => {
  for (let level = 0n; level < 4n; level++) {
    const guest = at();
    abort(guest, ISV | (2n << 22n) | (1n << 15n) | 4n | level, machine.UART_BASE + pl011.UART_FR);
    assert.equal(guest.x(0) & BigInt(pl011.FR_TXFE), BigInt(pl011.FR_TXFE));
    assert.equal(guest.pc, 0x4008_0004n);
  }
});

test("an abort from the guest's EL0 is one from a lower level for its EL1", () => {
  const guest = at();
  guest.pstate = 0n;
  guest.load(0x3000_0000);
  assert.equal(guest.sysreg("ESR_EL1"), (0x24n << 26n) | IL | 0x10n);
  assert.equal(guest.pc, VECTORS + 0x400n);
});

test("IL of a 16-bit instruction is passed on", () => {
  const guest = at();
  guest.pstate = 0x30n;
  guest.sync((BigInt(ec.DATA) << 26n) | TRANSLATION, { far: 0x3000_0000n, hpfar: Guest.hpfar(0x3000_0000) });
  assert.equal(guest.sysreg("ESR_EL1"), (0x24n << 26n) | 0x10n);
});

test("a fetch from a device or from nothing is an instruction abort", () => {
  for (const address of [machine.UART_BASE, 0x3000_0000, machine.GICD_BASE]) {
    const guest = at();
    assert.equal(guest.fetch(address), false);
    assert.equal(guest.sysreg("ESR_EL1"), (0x21n << 26n) | IL | 0x10n);
    assert.equal(guest.sysreg("ELR_EL1"), BigInt(address));
    assert.equal(guest.pc, VECTORS + 0x200n);
  }
});

test("a fetch by the guest's EL0 goes to the vector for a lower level", () => {
  const guest = at();
  guest.pstate = 0n;
  guest.fetch(machine.UART_BASE);
  assert.equal(guest.sysreg("ESR_EL1"), (0x20n << 26n) | IL | 0x10n);
  assert.equal(guest.pc, VECTORS + 0x400n);
});
