// What a guest reads from registers that EL2 keeps for it: what it wrote there itself, what the whole board shows alike, or its own count.

import { exceptionClass as ec } from "../../abi/esr.ts";
import { trappedRegisters } from "../../abi/sysregs.ts";
import type { Cpu } from "../cpu.ts";
import { Violation } from "../faults.ts";
import type { Guest } from "../guest.ts";
import { hex } from "../words.ts";
import { encode, isSystemRead, systemRegister, systemRt } from "./cause.ts";

const MDSCR = encode(trappedRegisters.MDSCR_EL1);
const COUNT = encode(trappedRegisters.CNTPCT_EL0);
/** The lowest encoding of the ID registers, op0 = 3 and CRn = 0, and the bits that say so. */
const ID = encode([3, 0, 0, 0, 0]);
const ID_MASK = encode([3, 7, 15, 0, 0]);

/** What each ID register has shown, by machine. */
const shown = new WeakMap<object, Map<number, bigint>>();

/** A vCPU is entered behind an access to a system register that was carried out for it. */
export const checkRead = ({ timer }: Cpu, guest: Guest): void => {
  const { exceptionClass, esr } = guest.general.cause;
  if (exceptionClass !== ec.EC_SYSREG) return;
  const [register, rt] = [systemRegister(esr), systemRt(esr)];
  if (!isSystemRead(esr)) {
    if (register === MDSCR) guest.debugControl = rt === 31 ? 0n : guest.general.was[rt]! & 0xffff_ffffn;
    return;
  }
  if (rt === 31) return;
  const value = guest.general.now[rt]!;
  const expect = (what: string, right: bigint): void => {
    if (value !== right)
      throw new Violation(`the vCPU at ${hex(guest.vcpu)} reads ${hex(value)} from ${what}, which is ${hex(right)} for it`);
  };
  if (register === MDSCR) expect("its MDSCR_EL1", guest.debugControl);
  else if (register === COUNT) {
    // Time may have passed since.
    if (value > timer.virtualCount) expect("CNTPCT_EL0", timer.virtualCount);
  } else if ((register & ID_MASK) === ID) {
    const all = shown.get(guest.machine) ?? new Map<number, bigint>();
    shown.set(guest.machine, all.has(register) ? all : all.set(register, value));
    expect("an ID register", all.get(register)!);
  }
};
