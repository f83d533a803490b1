// The function identifiers of abi/calls.ts, by name, as x0 has them.

import { calls } from "../abi/calls.ts";

export const callId = (name: string): bigint => {
  const found = calls.find((one) => one.name === name);
  if (found === undefined) throw new Error(`abi/calls.ts has no ${name}`);
  return BigInt(found.id);
};
