// A guest's network driver as a script (virtio 1.2, 5.1): it offers buffers, sends frames, and puts together what it receives.

import { guest as machine } from "../../../abi/guest.ts";
import { virtioNet as net } from "../../../abi/virtio.ts";
import type { Guest } from "../../../sim/guest.ts";
import { Driver, type Part, type Queue } from "./virtio-driver.ts";

const RINGS = machine.RAM_BASE + 0x40_0000;
const SENT = machine.RAM_BASE + 0x48_0000;
const RECEIVED = machine.RAM_BASE + 0x60_0000;

export interface Header {
  readonly flags?: number;
  readonly gsoType?: number;
  readonly headerBytes?: number;
  readonly gsoSize?: number;
  readonly csumStart?: number;
  readonly csumOffset?: number;
}

export interface Received {
  readonly header: Required<Header>;
  readonly buffers: number;
  readonly frame: Buffer;
}

export class NetPort {
  readonly driver: Driver;
  readonly receive: Queue;
  readonly transmit: Queue;
  readonly #bytes: number;
  /** Where the buffer of each chain lies. */
  readonly #places = new Map<number, number>();
  #offered = 0;

  /** `bytes`: of each buffer that it offers. */
  constructor(guest: Guest, { features, bytes = 2048, slot = 0 }: { features?: bigint; bytes?: number; slot?: number } = {}) {
    this.driver = new Driver(guest, slot);
    const base = RINGS + slot * 0x1_0000;
    const [receive, transmit] = this.driver.start({ queues: 2, size: 64, base, ...(features === undefined ? {} : { features }) });
    this.receive = receive!;
    this.transmit = transmit!;
    this.#bytes = bytes;
  }

  get mac(): string {
    const bytes = Array.from({ length: 6 }, (_, n) => this.driver.read(0x100 + n, 1));
    return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(":");
  }

  /** Offers buffers to receive into. */
  listen(count: number): void {
    for (let n = 0; n < count; n++) {
      const ipa = RECEIVED + (this.#offered++ % 64) * 0x1_0000;
      this.#places.set(this.receive.offer([{ ipa, bytes: this.#bytes, write: true }]), ipa);
    }
  }

  /** Puts a frame into the transmit queue, in one piece or in several. */
  offer(frame: Uint8Array, header: Header = {}, cuts: readonly number[] = []): void {
    const { memory } = this.driver;
    const bytes = Buffer.alloc(net.NET_HEADER + frame.length);
    bytes.writeUInt8(header.flags ?? 0, 0);
    bytes.writeUInt8(header.gsoType ?? 0, 1);
    bytes.writeUInt16LE(header.headerBytes ?? 0, 2);
    bytes.writeUInt16LE(header.gsoSize ?? 0, 4);
    bytes.writeUInt16LE(header.csumStart ?? 0, 6);
    bytes.writeUInt16LE(header.csumOffset ?? 0, 8);
    bytes.set(frame, net.NET_HEADER);
    const ipa = SENT + (this.transmit.offered % 8) * 0x1_1000;
    memory.fill(ipa, bytes);
    const ends = [...cuts, bytes.length];
    const parts = ends.map((end, n): Part => ({ ipa: ipa + (ends[n - 1] ?? 0), bytes: end - (ends[n - 1] ?? 0) }));
    this.transmit.offer(parts);
  }
  /** The same, and kicks until it is gone. */
  send(...args: Parameters<NetPort["offer"]>): void {
    this.offer(...args);
    for (let kicks = 0; kicks < 100; kicks++) {
      this.transmit.kick();
      if (this.transmit.take().length > 0) return;
    }
    throw new Error("the frame does not come back");
  }

  /** The frames that have come since the last look. */
  take(): Received[] {
    const { memory } = this.driver;
    const frames: Received[] = [];
    const used = this.receive.take();
    for (let n = 0; n < used.length; ) {
      const first = this.#places.get(used[n]!.head)!;
      const head = Buffer.from(memory.bytes(first, net.NET_HEADER));
      const buffers = head.readUInt16LE(net.NET_NUM_BUFFERS);
      const pieces = used.slice(n, n + buffers).map(({ head: chain, bytes }) => memory.bytes(this.#places.get(chain)!, bytes));
      n += Math.max(1, buffers);
      frames.push({
        header: {
          flags: head.readUInt8(0),
          gsoType: head.readUInt8(1),
          headerBytes: head.readUInt16LE(2),
          gsoSize: head.readUInt16LE(4),
          csumStart: head.readUInt16LE(6),
          csumOffset: head.readUInt16LE(8),
        },
        buffers,
        frame: Buffer.concat(pieces).subarray(net.NET_HEADER),
      });
    }
    return frames;
  }
}

const bytesOf = (mac: string): number[] => mac.split(":").map((byte) => Number.parseInt(byte, 16));

/** A frame of a type nobody knows, with a payload. */
export const frameOf = (to: string, from: string, payload: Uint8Array, type = 0x88b5): Buffer =>
  Buffer.concat([Buffer.from([...bytesOf(to), ...bytesOf(from), type >> 8, type & 0xff]), payload]);

export const BROADCAST = "ff:ff:ff:ff:ff:ff";

/** Sum of one's complement (RFC 1071), big-endian words. */
export const checksum = (bytes: Uint8Array): number => {
  let sum = 0;
  for (let n = 0; n < bytes.length; n += 2) sum += (bytes[n]! << 8) | (bytes[n + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
};
