// Attacks by registers: rows 16 to 18.

import assert from "node:assert/strict";
import { exceptionClass } from "../../../abi/esr.ts";
import { gicd } from "../../../abi/gic.ts";
import { guest as guestMachine } from "../../../abi/guest.ts";
import { pl011 } from "../../../abi/pl011.ts";
import { pl031 } from "../../../abi/pl031.ts";
import { idRegisters, trappedRegisters } from "../../../abi/sysregs.ts";
import { future, max } from "../../../sim/cpu-model.ts";
import { attack } from "./attack.ts";
import { assertUndefined, frameOf, syndromeOf } from "./guests.ts";

const XZR = 31;
const { GICD_BASE, UART_BASE, RTC_BASE } = guestMachine;

// --- XZR

/** A register of each device that keeps what is written, and how wide it is. */
const writable: [name: string, address: number, bytes: 1 | 2 | 4 | 8][] = [
  ["UARTIBRD", UART_BASE + pl011.UART_IBRD, 4],
  ["UARTIBRD by halves", UART_BASE + pl011.UART_IBRD, 2],
  ["RTCLR", RTC_BASE + pl031.RTC_LR, 4],
  ["GICD_IPRIORITYR", GICD_BASE + gicd.GICD_IPRIORITYR + 32, 1],
  ["GICD_IGROUPR", GICD_BASE + gicd.GICD_IGROUPR + 4, 4],
  ["GICD_IROUTER", GICD_BASE + gicd.GICD_IROUTER + 8 * 40, 8],
  ["GICR_IPRIORITYR", frameOf(0) + gicd.GICD_IPRIORITYR, 8],
];

attack(16, "stores of XZR write zero, loads into it change nothing, the record's next field least of all", ({ hostile }) => {
  for (const [name, address, bytes] of writable) {
    hostile.store(address, 0x0808_0808_0808_0808n & ((1n << BigInt(8 * bytes)) - 1n), { bytes, rt: 5 });
    hostile.store(address, 0xffffn, { bytes, rt: XZR });
    assert.equal(hostile.load(address, { bytes, rt: 6, wide: true }), 0n, name);
    for (let n = 0; n < 31; n++) hostile.setX(n, BigInt(n) + 0x77n);
    // A load into register 31 must not end up where the PC is kept.
    assert.equal(
      syndromeOf(hostile, () => hostile.load(address, { bytes, rt: XZR })),
      undefined,
      name,
    );
    for (let n = 0; n < 31; n++) assert.equal(hostile.x(n), BigInt(n) + 0x77n, `${name}: x${n}`);
  }
});

attack(16, "MSR of XZR writes zero, MRS into it is dropped, for every register that traps", ({ hostile }) => {
  for (const [name, encoding] of Object.entries(trappedRegisters)) {
    if (/SGI|OSLSR|CNTPCT/.test(name)) continue;
    hostile.msr(encoding, 3n, 5);
    hostile.systemRegister(encoding, XZR, false);
    const left = hostile.mrs(encoding, 6);
    // A distance of zero has passed by now.
    if (!name.includes("TVAL")) assert.equal(left, 0n, name);
    for (let n = 0; n < 31; n++) hostile.setX(n, BigInt(n) + 0x77n);
    assert.equal(
      syndromeOf(hostile, () => hostile.systemRegister(encoding, XZR, true)),
      undefined,
      name,
    );
    for (let n = 0; n < 31; n++) assert.equal(hostile.x(n), BigInt(n) + 0x77n, `${name}: x${n}`);
  }
  for (const { name, crm, op2 } of idRegisters) {
    const syndrome = syndromeOf(hostile, () => hostile.systemRegister([3, 0, 0, crm, op2], XZR, true));
    assert.equal(syndrome, undefined, name);
  }
  // An SGI to nobody: XZR names no target.
  assert.equal(
    syndromeOf(hostile, () => hostile.systemRegister(trappedRegisters.ICC_SGI1R_EL1, XZR, false)),
    undefined,
  );
});

// --- what is not given

attack(
  17,
  "implementation-defined registers and operations are UNDEFINED, each of them, both ways",
  ({ hostile }) => {
    for (const [op0, crns] of [
      [3, [11, 15]],
      [1, [11, 15]],
    ] as const) {
      for (const crn of crns) {
        for (let rest = 0; rest < 8 * 16 * 8; rest++) {
          const encoding = [op0, rest >> 7, crn, (rest >> 3) & 15, rest & 7];
          assertUndefined(hostile, () => hostile.systemRegister(encoding, 3, (rest & 1) === 0), `${encoding}`);
          if ((rest & 7) === 0)
            assertUndefined(hostile, () => hostile.systemRegister(encoding, 3, (rest & 1) !== 0), `${encoding}`);
        }
      }
    }
  },
  { places: ["apart"] },
);

/** What is hidden: where the ID registers would show it (CRm, op2, shift), and registers that it would bring. */
const hidden: Record<string, { id: readonly (readonly [number, number, number])[]; registers: readonly (readonly number[])[] }> =
  {
    PMU: {
      id: [
        [5, 0, 8],
        [1, 2, 24],
      ],
      registers: [
        [3, 3, 9, 12, 0],
        [3, 3, 9, 13, 0],
        [3, 3, 9, 14, 0],
        [3, 0, 9, 14, 1],
        [3, 3, 14, 8, 0],
        [3, 3, 14, 15, 7],
      ],
    },
    AMU: {
      id: [
        [4, 0, 44],
        [1, 0, 20],
      ],
      registers: [
        [3, 3, 13, 2, 0],
        [3, 3, 13, 2, 3],
        [3, 3, 13, 4, 0],
      ],
    },
    trace: {
      id: [
        [5, 0, 4],
        [5, 0, 40],
        [1, 2, 12],
      ],
      registers: [
        [2, 1, 0, 1, 0],
        [2, 1, 7, 14, 6],
        [3, 0, 1, 2, 1],
      ],
    },
    SPE: {
      id: [[5, 0, 32]],
      registers: [
        [3, 0, 9, 9, 0],
        [3, 0, 9, 10, 0],
      ],
    },
    SVE: {
      id: [
        [4, 0, 32],
        [4, 4, 0],
      ],
      registers: [[3, 0, 1, 2, 0]],
    },
    SME: {
      id: [
        [4, 1, 24],
        [4, 5, 0],
      ],
      registers: [
        [3, 0, 1, 2, 6],
        [3, 3, 4, 2, 2],
      ],
    },
    MTE: {
      id: [[4, 1, 8]],
      registers: [
        [3, 0, 1, 0, 5],
        [3, 0, 1, 0, 6],
        [3, 0, 5, 6, 0],
      ],
    },
    RAS: {
      id: [[4, 0, 28]],
      registers: [
        [3, 0, 5, 3, 0],
        [3, 0, 5, 4, 1],
      ],
    },
    "pointer authentication": {
      id: [
        [6, 1, 4],
        [6, 1, 8],
        [6, 1, 24],
        [6, 1, 28],
        [6, 2, 8],
        [6, 2, 12],
      ],
      registers: [
        [3, 0, 2, 1, 0],
        [3, 0, 2, 2, 3],
        [3, 0, 2, 3, 1],
      ],
    },
  };

for (const cpu of [max, future]) {
  attack(
    18,
    "PMU, AMU, trace, SPE, SVE, SME, MTE, RAS and pointer authentication are not shown, and are UNDEFINED, on CPUs that have them",
    ({ hostile }) => {
      for (const [name, { id, registers }] of Object.entries(hidden)) {
        for (const [crm, op2, shift] of id) {
          const field = (hostile.mrs([3, 0, 0, crm, op2], 6) >> BigInt(shift)) & 15n;
          assert.equal(field, 0n, `${name} in the ID register of CRm ${crm}, op2 ${op2}`);
        }
        for (const encoding of registers) {
          for (const read of [true, false]) assertUndefined(hostile, () => hostile.systemRegister(encoding, 3, read), name);
        }
      }
      for (const one of [exceptionClass.EC_SVE, exceptionClass.EC_SME, exceptionClass.EC_PAUTH, exceptionClass.EC_LS64])
        assertUndefined(hostile, () => hostile.exception(one, 0n), `class ${one}`);
    },
    { system: { machine: { cpu } }, places: ["apart"] },
  );
}
