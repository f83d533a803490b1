// The VM beside the attacker. It does nothing wrong, and nothing at all while the attack lasts; afterwards everything that it can see is as it was.

import assert from "node:assert/strict";
import { gicd } from "../../../abi/gic.ts";
import { guest as guestMachine } from "../../../abi/guest.ts";
import { el1Context } from "../../../abi/sysregs.ts";
import type { Guest } from "../../../sim/guest.ts";
import { RAM_BASE } from "../../../sim/start.ts";
import { MIB } from "../../../tool/size.ts";
import { call } from "../../unit/core/call.ts";
import { printed } from "../../unit/core/console-output.ts";
import { drain, frameOf, openInterrupts, print } from "./guests.ts";

export const HEALTHY_MEMORY = 16 * MIB;
const { GICD_BASE } = guestMachine;
/** Where it marks its memory. */
const STEP = 0x1_1000;
/** What the CPU's state depends on, or what goes on by itself. */
const LEFT_ALONE = new Set(["SCTLR_EL1", "CNTV_CTL_EL0", "CNTV_CVAL_EL0", "CNTKCTL_EL1"]);

/** What it keeps in every register and every marked word: other guests would know it when they saw it. */
export const SECRET = 0x5ec3_e75e_c3e7_0000n;

/** Everything that it has in registers, by name. */
const registersOf = (guest: Guest): Map<string, bigint> => {
  const vectors = (): bigint[] => {
    guest.useFp();
    return [...guest.cpu.vectors];
  };
  return new Map([
    ["pc", guest.pc],
    ["pstate", guest.pstate],
    ...Array.from({ length: 31 }, (_, n) => [`x${n}`, guest.x(n)] as const),
    ...el1Context.filter((name) => !LEFT_ALONE.has(name)).map((name) => [name, guest.sysreg(name)] as const),
    ...vectors().map((word, n) => [`word ${n} of the vector registers`, word] as const),
  ]);
};

/** Its GIC's registers: groups, enables, pending, active. */
const interruptsOf = (guest: Guest): bigint[] =>
  [GICD_BASE, GICD_BASE + 4, GICD_BASE + 8, frameOf(0)].flatMap((base) =>
    [gicd.GICD_IGROUPR, gicd.GICD_ISENABLER, gicd.GICD_ISPENDR, gicd.GICD_ISACTIVER].map((register) =>
      guest.load(base + register, { rt: 7 }),
    ),
  );

const memoryOf = (guest: Guest): Buffer => Buffer.from(guest.memory(RAM_BASE, HEALTHY_MEMORY));

export class Healthy {
  readonly #name: string;
  readonly #registers: Map<string, bigint>;
  readonly #interrupts: readonly bigint[];
  readonly #memory: Buffer;
  readonly #count: bigint;

  /** Fills what it has with what is its own. */
  constructor(name: string, guest: Guest) {
    this.#name = name;
    openInterrupts(guest);
    print(guest, "ready\n");
    for (let at = 0; at < HEALTHY_MEMORY; at += STEP) guest.store(RAM_BASE + at, SECRET | BigInt(at >> 12), { bytes: 8 });
    this.#memory = memoryOf(guest);
    this.#interrupts = interruptsOf(guest);
    for (const [n, register] of el1Context.entries())
      if (!LEFT_ALONE.has(register)) guest.setSysreg(register, SECRET | BigInt(n));
    guest.useFp();
    for (let n = 0; n < guest.cpu.vectors.length; n++) guest.cpu.vectors[n] = SECRET | BigInt(0x100 + n);
    for (let n = 0; n < 31; n++) guest.setX(n, SECRET | BigInt(0x200 + n));
    this.#registers = registersOf(guest);
    this.#count = guest.cpu.timer.virtualCount;
  }

  /** Nothing of it has changed, and it is served as before. */
  check(guest: Guest, output: () => string): void {
    const changed = [...registersOf(guest)].filter(([name, value]) => this.#registers.get(name) !== value);
    assert.deepEqual(changed, [], "registers of the healthy VM that have changed");
    assert.ok(memoryOf(guest).equals(this.#memory), "the healthy VM's memory");
    assert.deepEqual(interruptsOf(guest), this.#interrupts, "the healthy VM's interrupts");
    assert.deepEqual(drain(guest), [], "no interrupt has come to the healthy VM");
    assert.ok(guest.cpu.timer.virtualCount >= this.#count, "its time goes on");
    assert.equal(call(guest, "PSCI_VERSION"), 0x1_0001n);
    print(guest, "well\n");
    const lines = printed(output()).split("\n");
    const own = lines.flatMap((line) => (line.startsWith(`${this.#name}| `) ? line.slice(this.#name.length + 2) : []));
    assert.deepEqual(own, ["ready", "well"], "the healthy VM's lines on the console");
  }
}
