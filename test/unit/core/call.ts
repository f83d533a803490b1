// Calls of guests by their names in abi/calls.ts.

import { callErrors } from "../../../abi/calls.ts";
import { callId } from "../../../sim/call-ids.ts";
import type { Guest } from "../../../sim/guest.ts";

export { callId as id };

/** An error of abi/calls.ts, as x0 has it. */
export const error = (name: keyof typeof callErrors): bigint => BigInt.asUintN(64, BigInt(callErrors[name]));

export const call = (guest: Guest, name: string, ...args: (bigint | number)[]): bigint =>
  guest.hvc(callId(name), ...args.map(BigInt));
