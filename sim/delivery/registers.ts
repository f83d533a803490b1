// What a guest's accesses to its distributor, its redistributors and the SGI registers do (Arm IHI 0069: 12.9, 12.11, 12.2.19 and 12.2.20), and what reads of
// pending and active bits must show.

import { gicd, gicIds, gicr } from "../../abi/gic.ts";
import { guest } from "../../abi/guest.ts";
import type { Interrupt, Vgic } from "./interrupts.ts";

const { FIRST_SPI } = gicIds;
const { GICD_BASE, GICD_SIZE, GICR_BASE, GICR_STRIDE, INTIDS } = guest;
/** GICD_TYPER.No1N: an interrupt goes to one vCPU. Aff3 and Aff2 to Aff0. */
const AFFINITY = 0xff_00ff_ffffn;
const PRIORITY_BITS = 0xf8;

/** Where an access goes: the vCPU whose private interrupts those from 0 are, if it is a redistributor, and the offset in the banks. */
interface Place {
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

/** The interrupts whose bits, `width` each, lie in `bytes` bytes of a bank that starts at `start`, with the value of their bits. */
function* fields(
  vgic: Vgic,
  { frame, offset }: Place,
  start: number,
  width: number,
  bytes: number,
  value: bigint,
): Generator<[Interrupt, number]> {
  const first = ((offset - start) * 8) / width;
  for (let n = 0; n < (8 * bytes) / width; n++) {
    const intid = first + n;
    const isHere = frame === undefined ? intid >= FIRST_SPI && intid < INTIDS : intid < FIRST_SPI;
    const one = isHere ? vgic.at(frame ?? 0, intid) : undefined;
    if (one !== undefined) yield [one, Number((value >> BigInt(n * width)) & BigInt(2 ** width - 1))];
  }
}

const effects: readonly [start: number, effect: (one: Interrupt, isSet: boolean) => void][] = [
  [
    gicd.GICD_IGROUPR,
    (one, isSet) => {
      one.group = isSet ? 1 : 0;
    },
  ],
  [
    gicd.GICD_ISENABLER,
    (one, isSet) => {
      if (isSet) one.enabled = true;
    },
  ],
  [
    gicd.GICD_ICENABLER,
    (one, isSet) => {
      if (isSet) one.enabled = false;
    },
  ],
  [
    gicd.GICD_ISPENDR,
    (one, isSet) => {
      if (isSet) one.latch = true;
    },
  ],
  [
    gicd.GICD_ICPENDR,
    (one, isSet) => {
      if (isSet) one.latch = false;
    },
  ],
  [
    gicd.GICD_ISACTIVER,
    (one, isSet) => {
      if (isSet) one.active = true;
    },
  ],
  [
    gicd.GICD_ICACTIVER,
    (one, isSet) => {
      if (isSet) one.active = false;
    },
  ],
];
const BANK = 0x80;

/** A store that was carried out. */
export const write = (vgic: Vgic, place: Place, bytes: number, value: bigint): void => {
  const { frame, offset } = place;
  if (offset < 0) return;
  if (frame === undefined && offset === gicd.GICD_CTLR) vgic.groups = Number(value & 3n);
  for (const [start, effect] of effects) {
    if (offset < start || offset >= start + BANK) continue;
    for (const [one, bit] of fields(vgic, place, start, 1, bytes, value)) effect(one, bit === 1);
  }
  if (offset >= gicd.GICD_IPRIORITYR && offset < gicd.GICD_ITARGETSR)
    for (const [one, priority] of fields(vgic, place, gicd.GICD_IPRIORITYR, 8, bytes, value))
      one.priority = priority & PRIORITY_BITS;
  else if (offset >= gicd.GICD_ICFGR && offset < gicd.GICD_IGRPMODR) {
    // SGIs are edges and PPIs levels, for good.
    for (const [one, kind] of fields(vgic, place, gicd.GICD_ICFGR, 2, bytes, value)) if (!one.isPrivate) one.edge = kind >= 2;
  } else if (frame === undefined && offset >= gicd.GICD_IROUTER) route(vgic, offset, bytes, value);
};

/** GICD_IROUTER<n>, whole or one of its halves. */
const route = (vgic: Vgic, offset: number, bytes: number, value: bigint): void => {
  const intid = (offset - gicd.GICD_IROUTER) >> 3;
  const one = intid < FIRST_SPI ? undefined : vgic.at(0, intid);
  if (one === undefined) return;
  const shift = BigInt(8 * (offset & 7));
  const mask = (2n ** BigInt(8 * bytes) - 1n) << shift;
  one.target = Number(((BigInt(one.target) & ~mask) | ((value << shift) & mask)) & AFFINITY);
};

/** Whether it is pending; undefined: a line has a say, which is not looked at. */
const isPending = ({ latch, isOfDevice, isPrivate, edge }: Interrupt): boolean | undefined =>
  isOfDevice || (isPrivate && !edge) ? undefined : latch;
const shown: readonly [name: string, start: number, right: (one: Interrupt) => boolean | undefined][] = [
  ["pending", gicd.GICD_ISPENDR, isPending],
  ["pending", gicd.GICD_ICPENDR, isPending],
  ["active", gicd.GICD_ISACTIVER, ({ active }) => active],
  ["active", gicd.GICD_ICACTIVER, ({ active }) => active],
];

/** What a load shows of pending or active bits that is not so; undefined: nothing. */
export const wrongRead = (vgic: Vgic, place: Place, bytes: number, value: bigint): string | undefined => {
  const { offset } = place;
  for (const [name, start, right] of shown) {
    if (offset < start || offset >= start + BANK) continue;
    for (const [one, bit] of fields(vgic, place, start, 1, bytes, value)) {
      const is = right(one);
      if (is !== undefined && is !== (bit === 1))
        return `INTID ${one.intid} ${is ? "is" : "is not"} ${name}, and reads otherwise`;
    }
  }
  return undefined;
};

/** A write of ICC_SGI1R_EL1 or ICC_SGI0R_EL1 by a vCPU: an SGI that is of that group where it goes. `vcpus`: how many there are. */
export const sendSgi = (vgic: Vgic, value: bigint, group: 0 | 1, sender: number, vcpus: number): void => {
  const intid = Number((value >> 24n) & 15n);
  // Aff3, Aff2, Aff1 and the range selector name a cluster; there is one.
  const isHere = (value & 0xff_f0ff_00ff_0000n) === 0n;
  for (let n = 0; n < vcpus; n++) {
    const isTarget = (value & (1n << 40n)) !== 0n ? n !== sender : isHere && ((value >> BigInt(n)) & 1n) === 1n;
    const one = vgic.at(n, intid);
    if (isTarget && one?.group === group) one.latch = true;
  }
};
