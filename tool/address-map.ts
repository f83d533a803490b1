// What lies where in a guest's physical address space (abi/guest.ts), and which of it overlaps.

import { guest } from "../abi/guest.ts";
import { alignUp, hex } from "./size.ts";

/** A range of guest-physical addresses, with the words that messages have for it. */
export interface Span {
  readonly what: string;
  readonly start: number;
  readonly size: number;
}

/** As many transports as QEMU's `virt` has; later devices of a VM appear there. */
const VIRTIO_SLOTS = 32;

/** What every VM with so many vCPUs has, whether its device tree names it or not. */
export const deviceSpans = (vcpus: number): Span[] => [
  { what: "the interrupt distributor", start: guest.GICD_BASE, size: guest.GICD_SIZE },
  { what: "the redistributors", start: guest.GICR_BASE, size: guest.GICR_STRIDE * vcpus },
  { what: "the UART", start: guest.UART_BASE, size: guest.UART_SIZE },
  { what: "the real-time clock", start: guest.RTC_BASE, size: guest.RTC_SIZE },
  { what: "the page of stolen time", start: guest.STOLEN_BASE, size: guest.STOLEN_SIZE },
  { what: "the virtio devices", start: guest.VIRTIO_BASE, size: guest.VIRTIO_STRIDE * VIRTIO_SLOTS },
];

export const ramSpan = (memory: number): Span => ({ what: "the RAM", start: guest.RAM_BASE, size: memory });

export const overlap = (a: Span, b: Span): boolean => a.start < b.start + b.size && b.start < a.start + a.size;

export const rangeOf = ({ start, size }: Omit<Span, "what">): string => `${hex(start)} to ${hex(start + size - 1)}`;

export const describe = (span: Span): string => `${span.what} (${rangeOf(span)})`;

const GIB = 2 ** 30;
const BLOCK = 2 ** 21;
const countTouched = (spans: readonly Span[], unit: number): number => {
  const ranges = spans
    .map(({ start, size }) => [Math.floor(start / unit), Math.floor((start + size - 1) / unit)] as const)
    .sort(([a], [b]) => a - b);
  let count = 0;
  let next = 0;
  for (const [first, last] of ranges) {
    count += Math.max(0, last + 1 - Math.max(first, next));
    next = Math.max(next, last + 1);
  }
  return count;
};

/** The ends of a span that do not fill a block. */
const ends = ({ what, start, size }: Span): Span[] => {
  const end = start + size;
  const head = { what, start, size: Math.min(size, alignUp(start, BLOCK) - start) };
  const tail = { what, start: Math.max(start, end - (end % BLOCK)), size: Math.min(size, end % BLOCK) };
  return [head, tail].filter((part) => part.size > 0);
};

/**
 * The pages of stage-2 tables that a VM takes at most (Arm ARM D8.3, granule of 4 KiB, start level 1): the root, one a GiB, and one for each
 * 2 MiB that is mapped in pages. Its own memory lies in frames of 2 MiB as its IPA lies in blocks (src/vm/create.ts), a shared region at the
 * start of a frame, wherever the VM sees it.
 */
export const tablesFor = (own: readonly Span[], shared: readonly Span[]): number => {
  const inPages = [...own.flatMap(ends), ...shared.flatMap((span) => (span.start % BLOCK === 0 ? ends(span) : [span]))];
  return 1 + countTouched([...own, ...shared], GIB) + countTouched(inPages, BLOCK);
};
