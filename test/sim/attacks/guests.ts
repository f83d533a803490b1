// What scripts of guests have in common: their interrupts, their console, and what a step of theirs that goes wrong comes to.

import assert from "node:assert/strict";
import { esrFields, exceptionClass } from "../../../abi/esr.ts";
import { gicd, gicr } from "../../../abi/gic.ts";
import { guest as guestMachine } from "../../../abi/guest.ts";
import { pl011 } from "../../../abi/pl011.ts";
import { ec, type Guest } from "../../../sim/guest.ts";
import { RAM_BASE } from "../../../sim/start.ts";
import { id } from "../../unit/core/call.ts";

export const ENTRY = BigInt(RAM_BASE + 0x8_0000);
export const VECTORS = BigInt(RAM_BASE + 0x10_0000);
/** PSTATE with all interrupts masked, as a guest starts. */
export const EL1H = 0x3c5n;
const IL = BigInt(esrFields.ESR_IL);
/** No interrupt to acknowledge. */
export const NONE = 1023;

const { GICD_BASE, GICR_BASE, GICR_STRIDE, UART_BASE } = guestMachine;

/** Where a vCPU's SGIs and PPIs are. */
export const frameOf = (vcpu: number): number => GICR_BASE + vcpu * GICR_STRIDE + gicr.GICR_SGI_FRAME;

/** Lets every interrupt of a vCPU through, in group 1, at the priority that Linux gives them. */
export const openInterrupts = (guest: Guest, vcpu = 0): void => {
  guest.store(frameOf(vcpu) - gicr.GICR_SGI_FRAME + gicr.GICR_WAKER, 0n, { rt: 7 });
  guest.store(GICD_BASE, 2n, { rt: 7 });
  for (const base of [GICD_BASE + 4, GICD_BASE + 8, frameOf(vcpu)]) {
    guest.store(base + gicd.GICD_IGROUPR, 0xffff_ffffn, { rt: 7 });
    guest.store(base + gicd.GICD_ISENABLER, 0xffff_ffffn, { rt: 7 });
  }
  for (let n = 0; n < 96; n += 4) {
    const base = n < 32 ? frameOf(vcpu) : GICD_BASE;
    guest.store(base + gicd.GICD_IPRIORITYR + n, 0xa0a0_a0a0n, { rt: 7 });
  }
  guest.openInterrupts();
};

/** Takes and ends interrupts until there is none; returns them in order. */
export const drain = (guest: Guest): number[] => {
  const taken: number[] = [];
  for (let intid = guest.acknowledge(); intid !== NONE; intid = guest.acknowledge()) {
    assert.ok(taken.push(intid) < 1000, "an interrupt comes again and again");
    guest.end(intid);
  }
  return taken;
};

/** Prints by the UART. */
export const print = (guest: Guest, text: string): void => {
  for (const byte of Buffer.from(text, "latin1")) guest.store(UART_BASE + pl011.UART_DR, BigInt(byte), { rt: 7 });
};

/** Turns the guest's caches on (SCTLR_EL1.C): it sees what EL2 writes for it through its own. */
export const useCaches = (guest: Guest): void => guest.setSysreg("SCTLR_EL1", guest.sysreg("SCTLR_EL1") | 4n);

// --- what a step comes to

/** The offset of the vector for an exception taken from this PSTATE. */
const vectorFrom = (pstate: bigint): bigint => {
  if ((pstate & 0x10n) !== 0n) return 0x600n;
  return ({ 0: 0x400n, 4: 0n } as Record<string, bigint>)[`${pstate & 15n}`] ?? 0x200n;
};
export const isFromEl0 = (pstate: bigint): boolean => (pstate & 0x1fn) === 0n || (pstate & 0x10n) !== 0n;

/** A step at `ENTRY`; returns the syndrome of the exception that it ended in, undefined if the guest goes on behind the instruction. */
export const syndromeOf = (guest: Guest, step: () => void, pstate = EL1H, instruction = ENTRY): bigint | undefined => {
  const before = Array.from({ length: 31 }, (_, n) => guest.x(n));
  guest.setSysreg("VBAR_EL1", VECTORS);
  guest.setSysreg("ESR_EL1", 0xdead_beefn);
  guest.pc = instruction;
  guest.pstate = pstate;
  step();
  if (guest.pc === instruction + 4n) return undefined;
  assert.equal(guest.pc, VECTORS + vectorFrom(pstate), "it is at the vector of where it came from");
  assert.equal(guest.pstate & 0x3cfn, EL1H, "at EL1, interrupts masked");
  assert.equal(guest.sysreg("ELR_EL1"), instruction);
  assert.equal(guest.sysreg("SPSR_EL1"), pstate);
  for (const [n, value] of before.entries()) assert.equal(guest.x(n), value, `x${n} is as it was`);
  return guest.sysreg("ESR_EL1");
};

export const assertUndefined = (guest: Guest, step: () => void, what = "", pstate = EL1H): void => {
  assert.equal(syndromeOf(guest, step, pstate), (BigInt(exceptionClass.EC_UNKNOWN) << 26n) | IL, `UNDEFINED: ${what}`);
};

/** The step is a synchronous external abort: on data, or on a fetch; `walk`: on the walk of the guest's own tables. */
export const assertAborted = (
  guest: Guest,
  step: () => void,
  { what = "", pstate = EL1H, fetch = false, walk = false, at = ENTRY } = {},
): void => {
  const { EC_DABT_SAME, EC_DABT_LOWER, EC_IABT_SAME, EC_IABT_LOWER } = exceptionClass;
  const [same, lower] = fetch ? [EC_IABT_SAME, EC_IABT_LOWER] : [EC_DABT_SAME, EC_DABT_LOWER];
  const status = walk ? esrFields.FSC_EXTERNAL_WALK_L0 : esrFields.FSC_EXTERNAL;
  const expected = (BigInt(isFromEl0(pstate) ? lower : same) << 26n) | IL | BigInt(status);
  assert.equal(syndromeOf(guest, step, pstate, at), expected, `an external abort: ${what}`);
};

/** A data abort with this ISS. */
export const dataAbort = (guest: Guest, iss: bigint, far: bigint, hpfar: bigint): void =>
  guest.exception(ec.DATA, iss, { far, hpfar });

/** A call whose consequences no other CPU notices before the next exit that the test makes. */
export const callUnnoticed = (guest: Guest, name: string, ...args: (bigint | number)[]): bigint => {
  for (const [n, value] of [id(name), ...args.map(BigInt)].entries()) guest.setX(n, value);
  guest.pc += 4n;
  guest.trap((BigInt(ec.HVC) << 26n) | IL);
  return guest.x(0);
};
