// What guests' virtio drivers do, by events of the input, in the simulator: the same as drivers.c natively. A driver's vCPU may leave its CPU at any exit: what
// is left of its event is not done.

import { guest as guestMachine } from "../abi/guest.ts";
import { virtioMmio as register, virtioStatus as status, virtqueue } from "../abi/virtio.ts";
import type { Guest } from "../sim/guest.ts";
import type { Machine } from "../sim/machine.ts";
import { access, type Event, RT } from "./access.ts";
import { frameAt, type Kind, regions, rings } from "./format.ts";

const { DESC_BYTES, DESC_F_INDIRECT, DESC_F_NEXT, DESC_F_WRITE } = virtqueue;
const { ENTRIES } = rings;
const VIRTIO = regions.findIndex(([base]) => base === guestMachine.VIRTIO_BASE);
const { STATUS_ACKNOWLEDGE, STATUS_DRIVER, STATUS_DRIVER_OK, STATUS_FEATURES_OK } = status;
const BEGUN = STATUS_ACKNOWLEDGE | STATUS_DRIVER;
const LOW = 0xffff_ffffn;

/** Where a ring lies. */
const ringAt = (ring: number): number => rings.AT + ((ring & 7) * 8 + ((ring >> 3) & 7)) * rings.BYTES;

interface Part {
  readonly ipa: number;
  readonly bytes: number;
  readonly isWritten: boolean;
}

/** One event of one vCPU. */
class Driver {
  readonly #guest: Guest;
  readonly #isHere: () => boolean;
  readonly #slot: number;
  readonly #queue: number;
  readonly #ring: number;

  constructor(guest: Guest, isHere: () => boolean, ring: number) {
    this.#guest = guest;
    this.#isHere = isHere;
    this.#slot = ring & 7;
    this.#queue = (ring >> 3) & 7;
    this.#ring = ringAt(ring);
  }

  // --- registers and memory

  #set(offset: number, value: number | bigint): void {
    const c = this.#slot * guestMachine.VIRTIO_STRIDE + offset;
    if (this.#isHere()) access(this.#guest, { a: VIRTIO, b: 6, c, d: BigInt(value) });
  }
  #get(offset: number): bigint {
    if (!this.#isHere()) return 0n;
    access(this.#guest, { a: VIRTIO, b: 2, c: this.#slot * guestMachine.VIRTIO_STRIDE + offset, d: 0n });
    return this.#isHere() ? this.#guest.x(RT) & LOW : 0n;
  }

  #at(ipa: number): number | undefined {
    if (!this.#isHere()) return undefined;
    const found = this.#guest.translate(ipa);
    return "fault" in found ? undefined : found.output + (ipa - found.input);
  }
  #put(ipa: number, bytes: number, value: number | bigint): void {
    const at = this.#at(ipa);
    if (at !== undefined) this.#guest.machine.ram.write(at, bytes, BigInt.asUintN(8 * bytes, BigInt(value)));
  }
  #word16(ipa: number): number {
    const at = this.#at(ipa);
    return at === undefined ? 0 : Number(this.#guest.machine.ram.read(at, 2));
  }

  // --- rings

  get #index(): number {
    return this.#word16(this.#ring + rings.DRIVER + 2);
  }
  /** The chain that is offered next, and where its buffers lie. */
  get #head(): number {
    return this.#index % ENTRIES;
  }
  #dataOf(head: number): number {
    return rings.DATA + head * rings.DATA_BYTES;
  }

  #describe(
    table: number,
    n: number,
    { ipa, bytes }: { ipa: number | bigint; bytes: number },
    flags: number,
    next: number,
  ): void {
    const at = table + n * DESC_BYTES;
    this.#put(at, 8, ipa);
    this.#put(at + 8, 8, BigInt(bytes) | (BigInt(flags) << 32n) | (BigInt(next) << 48n));
  }
  #chain(table: number, first: number, parts: readonly Part[]): void {
    for (const [n, part] of parts.entries()) {
      const flags = (part.isWritten ? DESC_F_WRITE : 0) | (n === parts.length - 1 ? 0 : DESC_F_NEXT);
      this.#describe(table, (first + n) % ENTRIES, part, flags, (first + n + 1) % ENTRIES);
    }
  }
  #push(head: number, steps = 1): void {
    const index = this.#index;
    this.#put(this.#ring + rings.DRIVER + 4 + 2 * (index % ENTRIES), 2, head);
    this.#put(this.#ring + rings.DRIVER + 2, 2, index + steps);
  }
  #kick(): void {
    this.#set(register.VIRTIO_QUEUE_NOTIFY, this.#queue);
  }

  // --- events

  drive({ b, d }: Event): void {
    this.#set(register.VIRTIO_STATUS, 0);
    this.#set(register.VIRTIO_STATUS, BEGUN);
    for (const sel of [0, 1]) {
      this.#set(register.VIRTIO_DEVICE_FEATURES_SEL, sel);
      const offered = this.#get(register.VIRTIO_DEVICE_FEATURES);
      this.#set(register.VIRTIO_DRIVER_FEATURES_SEL, sel);
      const wanted = (d >> BigInt(32 * sel)) & LOW;
      this.#set(register.VIRTIO_DRIVER_FEATURES, (b & 1) !== 0 ? wanted : (wanted | BigInt(sel)) & offered);
    }
    this.#set(register.VIRTIO_STATUS, BEGUN | STATUS_FEATURES_OK);
    for (let queue = 0; queue < 8; queue++) {
      this.#set(register.VIRTIO_QUEUE_SEL, queue);
      if (this.#get(register.VIRTIO_QUEUE_NUM_MAX) === 0n) break;
      const ring = ringAt(this.#slot | (queue << 3));
      this.#put(ring + rings.DRIVER, 8, 0);
      this.#put(ring + rings.DEVICE, 8, 0);
      this.#set(register.VIRTIO_QUEUE_NUM, ENTRIES);
      this.#set(register.VIRTIO_QUEUE_DESC_LOW, ring);
      this.#set(register.VIRTIO_QUEUE_DRIVER_LOW, ring + rings.DRIVER);
      this.#set(register.VIRTIO_QUEUE_DEVICE_LOW, ring + rings.DEVICE);
      this.#set(register.VIRTIO_QUEUE_READY, 1);
    }
    if ((b & 2) === 0) this.#set(register.VIRTIO_STATUS, BEGUN | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
  }

  describe({ b, c, d }: Event): void {
    const isInTable = d >> 63n !== 0n;
    const address = d & 0xff_ffff_ffffn;
    const ipa = ((d >> 62n) & 1n) !== 0n ? BigInt(guestMachine.RAM_BASE) + (address & 0x1f_ffffn) : address;
    const table = isInTable ? rings.DATA : this.#ring;
    this.#describe(table, b, { ipa, bytes: c }, Number((d >> 40n) & 7n), Number((d >> 48n) & 0xffn));
  }

  offer({ b, c }: Event): void {
    this.#push(b, 1 + (c >>> 16));
    if ((c & 1) !== 0) this.#kick();
  }

  room({ b, c }: Event): void {
    for (let n = 0; n <= (b & 63); n++) {
      const head = this.#head;
      this.#chain(this.#ring, head, [{ ipa: this.#dataOf(head), bytes: c, isWritten: true }]);
      this.#push(head);
    }
    this.#kick();
  }

  request({ b, c, d }: Event): void {
    const head = this.#head;
    const at = this.#dataOf(head);
    const [bytes, isWritten] = [c >>> 8, (b & 1) !== 0];
    this.#put(at, 8, c & 0xff);
    this.#put(at + 8, 8, d & LOW);
    this.#put(at + 0x400, 8, d & LOW);
    this.#put(at + 0x408, 8, (d >> 32n) | (BigInt(b >> 5) << 32n));
    const first = (b & 16) !== 0 ? bytes >> 1 : bytes;
    const parts = [
      { ipa: at, bytes: 16, isWritten: false },
      { ipa: at + 0x400, bytes: first, isWritten },
      { ipa: at + 0x400 + first, bytes: bytes - first, isWritten },
      { ipa: at + 16, bytes: (b & 8) !== 0 ? 0 : 1, isWritten: true },
    ].filter((part) => part.bytes !== 0);
    if ((b & 2) === 0) this.#chain(this.#ring, head, parts);
    else {
      const table = at + 0x100;
      this.#chain(table, 0, parts);
      this.#describe(this.#ring, head, { ipa: table, bytes: parts.length * DESC_BYTES }, DESC_F_INDIRECT, 0);
    }
    this.#push(head);
    if ((b & 4) === 0) this.#kick();
  }

  frame({ b, c, d }: Event): void {
    const head = this.#head;
    const at = this.#dataOf(head);
    const bytes = frameAt(b);
    bytes.writeBigUInt64LE(d, 0);
    bytes.writeUInt8(c >>> 24, 8);
    for (let n = 0; n < bytes.length; n += 8) this.#put(at + n, 8, bytes.readBigUInt64LE(n));
    const all = rings.FRAME_AT + (c & 0xffff);
    const cuts = rings.CUTS[(c >> 16) & 3]!.filter((cut) => cut < all);
    const parts = [...cuts, all].map((end, n) => {
      const from = cuts[n - 1] ?? 0;
      return { ipa: at + from, bytes: end - from, isWritten: false };
    });
    this.#chain(this.#ring, head, parts);
    this.#push(head);
    if (((c >> 18) & 1) === 0) this.#kick();
  }
}

/** Does an event of a driver's; one that is none does nothing. */
export const drive = (machine: Machine, cpu: number, guest: Guest, kind: Kind, event: Event): void => {
  const driver = new Driver(guest, () => machine.cpu(cpu).guest === guest, event.a);
  if (kind === "DRIVE") driver.drive(event);
  else if (kind === "DESCRIBE") driver.describe(event);
  else if (kind === "OFFER") driver.offer(event);
  else if (kind === "ROOM") driver.room(event);
  else if (kind === "REQUEST") driver.request(event);
  else if (kind === "FRAME") driver.frame(event);
};
