// Frames that guests send, as their buffers begin: virtio's header (virtio 1.2, 5.1.6), Ethernet, and TCP over IP for those whose checksums and segments are
// left to the device.

import { virtioNet as net } from "../../abi/virtio.ts";

/** Where the frame is in its buffer. */
export const FRAME_AT = net.NET_HEADER;
/** Bytes of a buffer's start: what is behind them nobody needs. */
const START = 96;

const ipv4 = [0x45, 0, 0, 0, 0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
const ipv6 = [0x60, 0, 0, 0, 0, 0, 6, 64, ...Array.from({ length: 32 }, (_, n) => n)];
const tcp = [0, 80, 0, 81, 0, 0, 1, 0, 0, 0, 2, 0, 0x50, 0x19, 1, 0, 0, 0, 0, 0];

/** What follows the addresses, where TCP begins in the frame, and how its segments are named. */
interface FrameKind {
  readonly bytes: readonly number[];
  readonly tcp: number;
  readonly gsoType: number;
}

/** A type that nobody knows; TCP over IPv4, over IPv6, over IPv4 with a tag. */
export const frameKinds: readonly FrameKind[] = [
  { bytes: [0x88, 0xb5], tcp: 0, gsoType: net.NET_GSO_NONE },
  { bytes: [0x08, 0x00, ...ipv4, ...tcp], tcp: 34, gsoType: net.NET_GSO_TCPV4 },
  { bytes: [0x86, 0xdd, ...ipv6, ...tcp], tcp: 54, gsoType: net.NET_GSO_TCPV6 },
  { bytes: [0x81, 0x00, 0, 1, 0x08, 0x00, ...ipv4, ...tcp], tcp: 38, gsoType: net.NET_GSO_TCPV4 },
];

/** The start of a buffer, its header zero: addresses are six bytes. */
export const frameStart = (to: readonly number[], from: readonly number[], { bytes }: FrameKind): Buffer => {
  const start = Buffer.alloc(START);
  start.set(to, FRAME_AT);
  start.set(from, FRAME_AT + 6);
  start.set(bytes, FRAME_AT + 12);
  return start;
};
