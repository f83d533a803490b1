// A driver of virtio devices (virtio 1.2, 3.1 and 4.2) as a guest's script: registers through its exits, rings in its memory.

import { guest as machine } from "../../../abi/guest.ts";
import { virtioMmio as register, virtioFeatures, virtioStatus, virtqueue } from "../../../abi/virtio.ts";
import type { Guest } from "../../../sim/guest.ts";
import { lowHalf } from "../../../sim/words.ts";

const { DESC_BYTES, DESC_F_INDIRECT, DESC_F_NEXT, DESC_F_WRITE } = virtqueue;

/** A part of a chain; `write`: the device writes it. */
export interface Part {
  readonly ipa: number;
  readonly bytes: number;
  readonly write?: boolean;
}

/** What the device has given back. */
export interface Used {
  readonly head: number;
  readonly bytes: number;
}

/** Memory of a guest, as it reads and writes it with its MMU off. */
export class Memory {
  readonly #guest: Guest;
  constructor(guest: Guest) {
    this.#guest = guest;
  }
  #at(ipa: number): number {
    const found = this.#guest.translate(ipa);
    if ("fault" in found) throw new Error(`the guest has no memory at ${ipa.toString(16)}`);
    return found.output + (ipa - found.input);
  }
  read(ipa: number, bytes: number): number {
    return Number(this.#guest.machine.ram.read(this.#at(ipa), bytes));
  }
  write(ipa: number, bytes: number, value: number | bigint): void {
    this.#guest.machine.ram.write(this.#at(ipa), bytes, BigInt(value));
  }
  bytes(ipa: number, length: number): Uint8Array {
    return this.#guest.memory(ipa, length);
  }
  fill(ipa: number, bytes: Uint8Array): void {
    for (const [n, byte] of bytes.entries()) this.write(ipa + n, 1, byte);
  }
}

export class Queue {
  readonly driver: Driver;
  readonly number: number;
  readonly size: number;
  /** IPAs of its areas. */
  readonly descriptors: number;
  readonly available: number;
  readonly used: number;
  /** How many chains were offered, and how many of those given back were seen. */
  offered = 0;
  seen = 0;
  #next = 0;

  constructor(driver: Driver, number: number, size: number, base: number) {
    this.driver = driver;
    this.number = number;
    this.size = size;
    this.descriptors = base;
    this.available = base + DESC_BYTES * size;
    this.used = (this.available + 6 + 2 * size + 3) & ~3;
  }

  /** Tells the device where it is. */
  open(): void {
    const { driver } = this;
    driver.write(register.VIRTIO_QUEUE_SEL, this.number);
    driver.write(register.VIRTIO_QUEUE_NUM, this.size);
    const areas = [
      [register.VIRTIO_QUEUE_DESC_LOW, this.descriptors],
      [register.VIRTIO_QUEUE_DRIVER_LOW, this.available],
      [register.VIRTIO_QUEUE_DEVICE_LOW, this.used],
    ] as const;
    for (const [offset, ipa] of areas) {
      driver.write(offset, ipa % 2 ** 32);
      driver.write(offset + 4, Math.floor(ipa / 2 ** 32));
    }
    driver.write(register.VIRTIO_QUEUE_READY, 1);
  }

  /** One descriptor as it lies in a table. */
  describe(table: number, index: number, { ipa, bytes }: Part, flags: number, next: number): void {
    const { memory } = this.driver;
    const at = table + index * DESC_BYTES;
    memory.write(at, 8, ipa);
    memory.write(at + 8, 4, bytes);
    memory.write(at + 12, 2, flags);
    memory.write(at + 14, 2, next);
  }

  #chain(table: number, first: number, size: number, parts: readonly Part[]): void {
    for (const [n, part] of parts.entries()) {
      const isLast = n === parts.length - 1;
      const flags = (part.write ? DESC_F_WRITE : 0) | (isLast ? 0 : DESC_F_NEXT);
      this.describe(table, (first + n) % size, part, flags, isLast ? 0 : (first + n + 1) % size);
    }
  }

  /** Makes a descriptor the next one that is offered. */
  push(head: number): void {
    const { memory } = this.driver;
    memory.write(this.available + 4 + 2 * (this.offered % this.size), 2, head);
    this.offered = (this.offered + 1) % 2 ** 16;
    memory.write(this.available + 2, 2, this.offered);
  }

  /** Offers a chain; `table`: by way of an indirect table there. Returns its head. */
  offer(parts: readonly Part[], table?: number): number {
    const head = this.#next;
    if (table === undefined) {
      this.#chain(this.descriptors, head, this.size, parts);
      this.#next = (head + parts.length) % this.size;
    } else {
      this.#chain(table, 0, parts.length, parts);
      this.describe(this.descriptors, head, { ipa: table, bytes: parts.length * DESC_BYTES }, DESC_F_INDIRECT, 0);
      this.#next = (head + 1) % this.size;
    }
    this.push(head);
    return head;
  }

  kick(): void {
    this.driver.write(register.VIRTIO_QUEUE_NOTIFY, this.number);
  }

  /** What has been given back since the last look. */
  take(): Used[] {
    const { memory } = this.driver;
    const used: Used[] = [];
    for (const index = memory.read(this.used + 2, 2); this.seen !== index; this.seen = (this.seen + 1) % 2 ** 16) {
      const at = this.used + 4 + 8 * (this.seen % this.size);
      used.push({ head: memory.read(at, 4), bytes: memory.read(at + 4, 4) });
    }
    return used;
  }

  /** The index at which the driver wants its next interrupt, and the one at which the device wants its next kick. */
  set usedEvent(index: number) {
    this.driver.memory.write(this.available + 4 + 2 * this.size, 2, index);
  }
  get availableEvent(): number {
    return this.driver.memory.read(this.used + 4 + 8 * this.size, 2);
  }
  /** Flags of the two areas. */
  set flags(flags: number) {
    this.driver.memory.write(this.available, 2, flags);
  }
  get deviceFlags(): number {
    return this.driver.memory.read(this.used, 2);
  }
}

export class Driver {
  readonly guest: Guest;
  readonly memory: Memory;
  readonly base: number;
  readonly intid: number;

  constructor(guest: Guest, slot = 0) {
    this.guest = guest;
    this.memory = new Memory(guest);
    this.base = machine.VIRTIO_BASE + slot * machine.VIRTIO_STRIDE;
    this.intid = 32 + machine.VIRTIO_SPI + slot;
  }

  read(offset: number, bytes: 1 | 2 | 4 = 4): number {
    return lowHalf(this.guest.load(this.base + offset, { bytes, rt: 4 }));
  }
  write(offset: number, value: number, bytes: 1 | 2 | 4 = 4): void {
    this.guest.store(this.base + offset, BigInt(value), { bytes, rt: 5 });
  }
  get status(): number {
    return this.read(register.VIRTIO_STATUS);
  }

  get offered(): bigint {
    const word = (sel: number): bigint => {
      this.write(register.VIRTIO_DEVICE_FEATURES_SEL, sel);
      return BigInt(this.read(register.VIRTIO_DEVICE_FEATURES)) << BigInt(32 * sel);
    };
    return word(0) | word(1);
  }
  /** Takes features; false if the device does not agree. */
  negotiate(features: bigint): boolean {
    this.write(register.VIRTIO_STATUS, virtioStatus.STATUS_ACKNOWLEDGE);
    this.write(register.VIRTIO_STATUS, this.status | virtioStatus.STATUS_DRIVER);
    for (const sel of [0, 1]) {
      this.write(register.VIRTIO_DRIVER_FEATURES_SEL, sel);
      this.write(register.VIRTIO_DRIVER_FEATURES, lowHalf(features >> BigInt(32 * sel)));
    }
    this.write(register.VIRTIO_STATUS, this.status | virtioStatus.STATUS_FEATURES_OK);
    return (this.status & virtioStatus.STATUS_FEATURES_OK) !== 0;
  }

  /** Brings the device up with queues of `size` entries, whose areas lie from `base` on, 16 KiB each. */
  start({ queues, size = 8, base, features }: { queues: number; size?: number; base: number; features?: bigint }): Queue[] {
    if (!this.negotiate(features ?? this.offered)) throw new Error("the device refuses what it has offered");
    const all = Array.from({ length: queues }, (_, n) => new Queue(this, n, size, base + n * 0x4000));
    for (const queue of all) queue.open();
    this.write(register.VIRTIO_STATUS, this.status | virtioStatus.STATUS_DRIVER_OK);
    return all;
  }

  reset(): void {
    this.write(register.VIRTIO_STATUS, 0);
  }

  /** Lets the device's interrupt through the guest's GIC. */
  openInterrupt(): void {
    const { guest } = this;
    guest.store(machine.GICR_BASE + 0x14, 0n);
    guest.store(machine.GICD_BASE, 2n);
    const bit = 1n << BigInt(this.intid % 32);
    const word = 4 * Math.floor(this.intid / 32);
    for (const set of [0x080, 0x100]) {
      const at = machine.GICD_BASE + set + word;
      guest.store(at, guest.load(at) | bit);
    }
    guest.openInterrupts();
  }
}

export const { F_EVENT_IDX, F_INDIRECT_DESC, F_VERSION_1 } = virtioFeatures;
