// What a guest's accesses to its distributor, its redistributors and the SGI registers do (Arm IHI 0069: 12.9, 12.11, 12.2.19 and 12.2.20), and what reads of
// pending and active bits must show. A word of 32 bits is the unit; of a narrower access, a part of it.

import { gicd, gicIds, gicr } from "../../abi/gic.ts";
import { guest } from "../../abi/guest.ts";
import { bits, highHalf, lowest, lowHalf } from "../words.ts";
import { type Bank, LINES, type VcpuGic, type VmGic, VTIMER } from "./interrupts.ts";

const { FIRST_SPI } = gicIds;
const { GICD_BASE, GICD_SIZE, GICR_BASE, GICR_STRIDE, INTIDS } = guest;
/** GICD_TYPER.No1N: an interrupt goes to one vCPU. Aff2 to Aff0 in the low word, Aff3 in the high one. */
const AFFINITY = [0xff_ffff, 0xff] as const;
const PRIORITY_BITS = 0xf8;
const BANK = 0x80;

/** Where an access goes: the vCPU in whose redistributor it lies, if it is in one, and the offset in the banks; below 0: none of them. */
export interface Place {
  readonly frame: number | undefined;
  readonly offset: number;
}

/** The vCPU's frames, or the distributor, that an IPA lies in; undefined: in neither. `vcpus`: how many there are. */
export const placeOf = (ipa: number, vcpus: number): Place | undefined => {
  if (ipa >= GICD_BASE && ipa < GICD_BASE + GICD_SIZE) return { frame: undefined, offset: ipa - GICD_BASE };
  const frame = Math.floor((ipa - GICR_BASE) / GICR_STRIDE);
  if (frame < 0 || frame >= vcpus) return undefined;
  return { frame, offset: ((ipa - GICR_BASE) % GICR_STRIDE) - gicr.GICR_SGI_FRAME };
};

/** The bank of word `n` of those that a frame, or the distributor, shows; undefined: it is elsewhere, or there is none. */
const bankOf = (vgic: VmGic, frame: number | undefined, n: number): Bank | undefined => {
  if (frame === undefined) return n === 0 ? undefined : vgic.shared[n - 1];
  return n === 0 ? vgic.vcpus[frame]!.banks[0] : undefined;
};

/** Calls `act` with each word that an access of `bytes` bytes touches: its offset, what of it, and the value there. */
const inWords = (
  { offset }: Place,
  bytes: number,
  value: bigint,
  act: (at: number, mask: number, value: number) => void,
): void => {
  const low = lowHalf(value) | 0;
  if (bytes === 8) {
    act(offset, -1, low);
    act(offset + 4, -1, highHalf(value) | 0);
  } else {
    const mask = bytes === 4 ? -1 : ((1 << (8 * bytes)) - 1) << (8 * (offset & 3));
    act(offset & ~3, mask, (low << (8 * (offset & 3))) & mask);
  }
};

/** One of the registers of a bit an interrupt; `value` is zero outside of `mask`. */
const writeBits = (bank: Bank, register: number, mask: number, value: number): void => {
  switch (register) {
    case gicd.GICD_IGROUPR:
      bank.group = (bank.group & ~mask) | value;
      break;
    case gicd.GICD_ISENABLER:
      bank.enabled |= value;
      break;
    case gicd.GICD_ICENABLER:
      bank.enabled &= ~value;
      break;
    case gicd.GICD_ISPENDR:
      bank.setPending(value);
      break;
    case gicd.GICD_ICPENDR:
      bank.clearPending(value);
      break;
    case gicd.GICD_ISACTIVER:
      bank.activate(value);
      break;
    case gicd.GICD_ICACTIVER:
      bank.deactivate(value);
      break;
    default:
      break;
  }
};

/** GICD_ICFGR: two bits each, of 16 interrupts. SGIs are edges and PPIs levels, for good. */
const configure = (bank: Bank | undefined, half: number, mask: number, value: number): void => {
  if (bank === undefined || bank.isPrivate) return;
  let [which, edges] = [0, 0];
  for (let n = 0; n < 16; n++) {
    const kind = 2 << (2 * n);
    if ((mask & kind) !== 0) which |= 1 << n;
    if ((value & kind) !== 0) edges |= 1 << n;
  }
  bank.configure(which << (16 * half), edges << (16 * half));
};

const prioritize = (bank: Bank | undefined, first: number, mask: number, value: number): void => {
  for (let n = 0; bank !== undefined && n < 4; n++)
    if (((mask >> (8 * n)) & 0xff) !== 0) bank.priorities[first + n] = (value >> (8 * n)) & PRIORITY_BITS;
};

/** A half of GICD_IROUTER<n>. */
const route = (vgic: VmGic, at: number, mask: number, value: number): void => {
  const intid = (at - gicd.GICD_IROUTER) >> 3;
  if (intid < FIRST_SPI || intid >= INTIDS) return;
  const halves = [vgic.routes[intid]! % 2 ** 32, Math.floor(vgic.routes[intid]! / 2 ** 32)];
  const high = (at & 4) === 0 ? 0 : 1;
  halves[high] = ((halves[high]! & ~mask) | value) & AFFINITY[high];
  vgic.route(intid, halves[1]! * 2 ** 32 + halves[0]!);
};

/** A store that was carried out. */
export const write = (vgic: VmGic, place: Place, bytes: number, all: bigint): void => {
  const { frame } = place;
  if (place.offset < 0) return;
  inWords(place, bytes, all, (at, mask, value) => {
    if (at >= gicd.GICD_IGROUPR && at < gicd.GICD_IPRIORITYR) {
      const bank = bankOf(vgic, frame, (at & (BANK - 1)) >> 2);
      if (bank !== undefined) writeBits(bank, at & ~(BANK - 1), mask, value);
    } else if (at >= gicd.GICD_IPRIORITYR && at < gicd.GICD_ITARGETSR) {
      const intid = at - gicd.GICD_IPRIORITYR;
      vgic.priorityWrites++;
      prioritize(bankOf(vgic, frame, intid >> 5), intid & 31, mask, value);
    } else if (at >= gicd.GICD_ICFGR && at < gicd.GICD_IGRPMODR) {
      const half = (at - gicd.GICD_ICFGR) >> 2;
      configure(bankOf(vgic, frame, half >> 1), half & 1, mask, value);
    } else if (frame !== undefined) {
      return;
    } else if (at === gicd.GICD_CTLR) {
      vgic.groups = ((vgic.groups & ~mask) | value) & 3;
    } else if (at >= gicd.GICD_IROUTER) {
      route(vgic, at, mask, value);
    }
  });
};

/** Which lines of a word are high; undefined: it is not known. */
type Lines = (word: number) => number | undefined;

/**
 * The interrupts whose pending bits are known, a bit each. While the virtual timer's is active, EL2 does not look at the timer; when its line falls, EL2 may see
 * that later.
 */
const knownPending = (bank: Bank, lines: number | undefined): number => {
  const timer = bank.isPrivate ? VTIMER & (bank.active | bank.activeUnknown | ~(lines ?? 0)) : 0;
  const others = (lines === undefined ? -1 : bank.edge) & LINES[bank.word]!;
  return ~(bank.latchUnknown | timer | others);
};

/** What a load shows of pending or active bits that is not so; undefined: nothing. */
export const wrongRead = (vgic: VmGic, place: Place, bytes: number, all: bigint, linesOf: Lines): string | undefined => {
  if (place.offset < gicd.GICD_ISPENDR || place.offset >= gicd.GICD_IPRIORITYR) return undefined;
  let wrong: string | undefined;
  inWords(place, bytes, all, (at, mask, value) => {
    const bank = bankOf(vgic, place.frame, (at & (BANK - 1)) >> 2);
    if (bank === undefined) return;
    const isPending = at < gicd.GICD_ISACTIVER;
    const lines = isPending ? linesOf(bank.word) : 0;
    const known = isPending ? knownPending(bank, lines) : ~bank.activeUnknown;
    const are = isPending ? bank.latch | (lines ?? 0) : bank.active;
    const other = (are ^ value) & known & mask;
    if (other === 0) return;
    const n = lowest(other);
    const is = ((are >> n) & 1) === 1 ? "is" : "is not";
    wrong ??= `INTID ${bank.first + n} ${is} ${isPending ? "pending" : "active"}, and reads otherwise`;
  });
  return wrong;
};

/** A write of ICC_SGI1R_EL1 or ICC_SGI0R_EL1 by a vCPU: an SGI that is of that group where it goes. `vcpus`: how many there are. */
export const sendSgi = ({ vm, id }: VcpuGic, value: bigint, group: 0 | 1, vcpus: number): void => {
  const intid = bits(value, 27, 24);
  // Aff3, Aff2, Aff1 and the range selector name a cluster; there is one.
  const isHere = (value & 0xff_f0ff_00ff_0000n) === 0n;
  const listed = isHere ? bits(value, 15, 0) : 0;
  const targets = (value & (1n << 40n)) !== 0n ? ~(1 << id) : listed;
  for (let n = 0; n < vcpus; n++) {
    const bank = vm.vcpus[n]!.banks[0]!;
    if (((targets >> n) & 1) === 1 && ((bank.group >> intid) & 1) === group) bank.setPending(1 << intid);
  }
};
