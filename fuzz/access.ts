// An access of a guest's, by an event of the input, in the simulator.

import type { Guest } from "../sim/guest.ts";
import { regions } from "./format.ts";

/** An event without its kind and CPU (format.ts). */
export interface Event {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: bigint;
}

/** The register that is loaded or stored; XZR in its place. */
export const RT = 5;
const XZR = 31;
const WHOLE = 255;

const bit = (value: number, n: number): boolean => ((value >> n) & 1) === 1;

/** What lies in one mapping: an access across its end is two. */
const isWhole = (guest: Guest, ipa: number, bytes: number): boolean => {
  const found = guest.translate(ipa);
  return "fault" in found || ipa + bytes <= found.input + found.size;
};

export const access = (guest: Guest, { a, b, c, d }: Event): void => {
  const bytes = ([1, 2, 4, 8] as const)[b & 3]!;
  const [base, size] = regions[a % regions.length]!;
  let ipa = a === WHOLE ? Number(d & 0xff_ffff_ffffn) : base + (c & (size - 1));
  if (bit(b, 7)) ipa -= ipa % bytes;
  const how = { bytes, signed: bit(b, 3), wide: bit(b, 4), noSyndrome: bit(b, 5), rt: bit(b, 6) ? XZR : RT };
  if (!isWhole(guest, ipa, bytes)) return;
  if (bit(b, 2)) guest.store(ipa, d, how);
  else guest.load(ipa, how);
};
