// The board's firmware, behind SMC: PSCI SYSTEM_OFF ends the run, the workarounds of the SMC Calling Convention (DEN0028, 7) exist as the model says.

import { calls } from "../abi/calls.ts";
import { PowerOff } from "./faults.ts";
import { MASK_64 } from "./words.ts";

const idOf = (name: string): bigint => BigInt(calls.find((call) => call.name === name)?.id ?? 0);
const SYSTEM_OFF = idOf("PSCI_SYSTEM_OFF");
const ARCH_FEATURES = idOf("SMCCC_ARCH_FEATURES");
const NOT_SUPPORTED = MASK_64;

export class Firmware {
  /** What ARCH_FEATURES answers, by function; the rest is not supported. */
  readonly workarounds = new Map<bigint, bigint>();
  /** Every call so far: function and arguments. */
  readonly calls: bigint[][] = [];

  call(id: bigint, a: bigint, b: bigint, c: bigint): bigint {
    this.calls.push([id, a, b, c]);
    if (id === SYSTEM_OFF) throw new PowerOff();
    if (id === ARCH_FEATURES) return this.workarounds.get(a) ?? NOT_SUPPORTED;
    return this.workarounds.has(id) ? 0n : NOT_SUPPORTED;
  }
}
