// Calls of guests by their names in abi/calls.ts.

import { callErrors, calls } from "../../../abi/calls.ts";
import type { Guest } from "../../../sim/guest.ts";

export const id = (name: string): bigint => {
  const found = calls.find((one) => one.name === name);
  if (found === undefined) throw new Error(`abi/calls.ts has no ${name}`);
  return BigInt(found.id);
};

/** An error of abi/calls.ts, as x0 has it. */
export const error = (name: keyof typeof callErrors): bigint => BigInt.asUintN(64, BigInt(callErrors[name]));

export const call = (guest: Guest, name: string, ...args: (bigint | number)[]): bigint =>
  guest.hvc(id(name), ...args.map(BigInt));
