// Attacks by exceptions, and by calls that do not exist or are not what they seem: rows 1 to 5, 9 and 10.

import assert from "node:assert/strict";
import { calls } from "../../../abi/calls.ts";
import { exceptionClass } from "../../../abi/esr.ts";
import { el2Controls } from "../../../abi/sysregs.ts";
import { ec } from "../../../sim/guest.ts";
import { error, id } from "../../unit/core/call.ts";
import { attack } from "./attack.ts";
import { assertUndefined, EL1H, ENTRY, syndromeOf } from "./guests.ts";
import { HOSTILE } from "./scene.ts";

const NOT_SUPPORTED = error("NOT_SUPPORTED");
const JUNK = 0xdead_beefn << 32n;

/** EL1 with either stack pointer, EL0, EL0 in AArch32, with and without T32. */
const origins = [EL1H, 0x3c4n, 0x000n, 0x010n, 0x030n];
const EL0 = origins.slice(2);

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
