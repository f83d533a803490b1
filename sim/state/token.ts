// Values that one VM alone knows, for the registers and the memory of simulated guests: where another VM, or EL2 in its name, shows one, it has leaked.
//
//   63      48 47  32 31     0
//  |  0x7a19  | VMID | number |

import { highHalf } from "../words.ts";

const TAG = 0x7a19;

/** A value of the VM with this VMID; another one for each `number`, of 32 bits. */
export const tokenOf = (vmid: number, number: number): bigint =>
  (BigInt(TAG) << 48n) | (BigInt(vmid) << 32n) | BigInt(number >>> 0);

/** No VM has a larger VMID: what looks like a token of one is none. */
const MAX_VMID = 0xff;

/** The VMID whose value this is; undefined: it is no token. */
export const ownerOf = (value: bigint): number | undefined => {
  const high = highHalf(value);
  const vmid = high & 0xffff;
  return high >>> 16 === TAG && vmid <= MAX_VMID ? vmid : undefined;
};
