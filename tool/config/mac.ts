// Addresses of network devices (IEEE 802, 8.2): what a configuration says, or one that follows from the VM's name.

import { createHash } from "node:crypto";

/** The first byte of a locally administered address of one station. */
const LOCAL = 0x02;

/** The address of network device `index` of a VM, as "02:…". */
export const macOf = (vm: string, index: number, said?: string): string => {
  if (said !== undefined) return said;
  const digest = createHash("sha256").update(`${vm}/${index}`).digest();
  return [LOCAL, ...digest.subarray(0, 5)].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
};

/** Its six bytes as they lie in memory, read as a number. */
export const macNumber = (mac: string): bigint =>
  mac.split(":").reduce((word, byte, n) => word | (BigInt(Number.parseInt(byte, 16)) << BigInt(8 * n)), 0n);
