// An exception that EL2 gives a guest is as if its CPU had taken it to EL1 (Arm ARM AArch64.TakeException, D1.3): where it goes on, and what its registers
// say of where it came from.

import { exceptionClass as ec } from "../../abi/esr.ts";
import type { SystemRegisters } from "../sysregs.ts";
import { bits } from "../words.ts";
import type { Cause, Change } from "./cause.ts";
import { type General, PC, PSTATE } from "./general.ts";

const NZCV = 0xfn << 28n;
const MODE = 0xfn;
const AARCH32 = 1n << 4n;
/** D, A, I and F masked, EL1h; in AArch64; neither single step nor illegal state. */
const TAKEN = 0x3c5n;
const TAKEN_MASK = 0x3dfn | (3n << 20n);

/** Registers of EL1 that an exception writes. */
export const exceptionRegisters: readonly string[] = ["ESR_EL1", "ELR_EL1", "SPSR_EL1", "FAR_EL1"];

/** Where the vector of an exception from this PSTATE lies behind VBAR_EL1 (D1.3.1.5). */
const vectorOf = (pstate: bigint): bigint => {
  if ((pstate & AARCH32) !== 0n) return 0x600n;
  const mode = pstate & MODE;
  return mode === 0n ? 0x400n : mode === 4n ? 0x000n : 0x200n;
};

/** The syndrome's class and status, of an exception in answer to a cause. */
const isSyndrome = ({ exceptionClass }: Cause, esr: bigint, isLower: boolean): boolean => {
  const [taken, status] = [bits(esr, 63, 26), bits(esr, 5, 0)];
  const isExternal = status === 0x10 || status === 0x14;
  if (exceptionClass === ec.EC_DABT_LOWER) return isExternal && taken === (isLower ? ec.EC_DABT_LOWER : ec.EC_DABT_SAME);
  if (exceptionClass === ec.EC_IABT_LOWER) return isExternal && taken === (isLower ? ec.EC_IABT_LOWER : ec.EC_IABT_SAME);
  return taken === ec.EC_UNKNOWN;
};

/** What is wrong with the exception that a vCPU is entered with; undefined: nothing. It went to its own vector, or this is none. */
export const wrongWith = (general: General, { exceptionBack }: Change, registers: SystemRegisters): string | undefined => {
  const { was, now, cause } = general;
  const pstate = was[PSTATE]!;
  if (exceptionBack === undefined) return "is none that it can get";
  if (now[PC] !== BigInt.asUintN(64, registers.read("VBAR_EL1") + vectorOf(pstate))) return "goes to no vector of its";
  const changed = general.firstChanged(0);
  if (changed < PC) return `changes X${changed}`;
  if ((now[PSTATE]! & TAKEN_MASK) !== TAKEN || (now[PSTATE]! & NZCV) !== (pstate & NZCV)) return "leaves a wrong PSTATE";
  if (registers.read("ELR_EL1") !== BigInt.asUintN(64, was[PC]! - BigInt(exceptionBack)))
    return "comes from elsewhere, by its ELR_EL1";
  if (registers.read("SPSR_EL1") !== pstate) return "has another SPSR_EL1 than its PSTATE";
  const isLower = (pstate & (AARCH32 | MODE)) === 0n || (pstate & AARCH32) !== 0n;
  if (!isSyndrome(cause, registers.read("ESR_EL1"), isLower)) return "is of a class that it has not earned, by its ESR_EL1";
  return undefined;
};

/** Whether FAR_EL1 has been written with the address that faulted, as an abort does. */
export const isAbort = ({ exceptionClass }: Cause): boolean =>
  exceptionClass === ec.EC_DABT_LOWER || exceptionClass === ec.EC_IABT_LOWER;
