// What a VM's virtio devices may touch of its memory: the rings of queues that are in use, and the buffers that the driver has offered there. Read from the
// rings themselves (virtio 1.2, 2.7), without what the core makes of them; which queues there are, and how far they are, its records say.

import { virtqueue } from "../../abi/virtio.ts";
import { fieldOffset, sizeOf } from "../fields.ts";

const { DESC_BYTES, DESC_F_INDIRECT, DESC_F_NEXT, DESC_F_WRITE } = virtqueue;
const INDEX = 0xffff;

/** A range of IPAs. */
interface Range {
  readonly from: number;
  readonly end: number;
}

/** Reads 2, 4 or 8 bytes at an IPA of the VM; undefined: it has no RAM there. */
export type Read = (ipa: number, bytes: number) => number | undefined;

interface Ring {
  readonly size: number;
  readonly descriptors: number;
  readonly driver: number;
  readonly device: number;
  /** How many chains were given back: those that were offered behind them are the device's. */
  readonly used: number;
}

export class Grants {
  readonly #view: DataView;
  readonly #vm: number;
  readonly #read: Read;
  readonly #readable: Range[] = [];
  readonly #writable: Range[] = [];

  /** `vm`: its record. */
  constructor(view: DataView, vm: number, read: Read) {
    this.#view = view;
    this.#vm = vm;
    this.#read = read;
    this.look();
  }

  #word(record: number, type: string, field: string): number {
    return this.#view.getUint32(record + fieldOffset(type, field), true);
  }
  #address(record: number, field: string): number {
    return Number(this.#view.getBigUint64(record + fieldOffset("Virtqueue", field), true));
  }

  /** Adds what there is now to what there was. */
  look(): void {
    const first = this.#word(this.#vm, "Vm", "firstVirtio");
    for (let slot = 0; slot < this.#word(this.#vm, "Vm", "virtioDevices"); slot++) {
      const device = first + slot * sizeOf("VirtioDevice");
      const queue = this.#word(device, "VirtioDevice", "firstQueue");
      for (let n = 0; n < this.#word(device, "VirtioDevice", "queues"); n++) this.#queue(queue + n * sizeOf("Virtqueue"));
    }
  }

  #queue(record: number): void {
    if (this.#word(record, "Virtqueue", "ready") === 0) return;
    const size = this.#word(record, "Virtqueue", "size");
    const ring: Ring = {
      size,
      descriptors: this.#address(record, "descriptors"),
      driver: this.#address(record, "driver"),
      device: this.#address(record, "deviceArea"),
      used: this.#word(record, "Virtqueue", "used"),
    };
    this.#readable.push({ from: ring.descriptors, end: ring.descriptors + DESC_BYTES * size });
    this.#readable.push({ from: ring.driver, end: ring.driver + 6 + 2 * size });
    this.#writable.push({ from: ring.device, end: ring.device + 6 + 8 * size });
    const offered = this.#read(ring.driver + 2, 2) ?? ring.used;
    const waiting = (offered - ring.used) & INDEX;
    for (let n = 0; n < Math.min(waiting, size); n++) {
      const head = this.#read(ring.driver + 4 + 2 * ((ring.used + n) & (size - 1)), 2);
      if (head !== undefined && head < size) this.#chain(ring, head);
    }
  }

  #chain({ descriptors, size }: Ring, head: number): void {
    let [table, entries, index] = [descriptors, size, head];
    for (let left = size + 1; left > 0 && index < entries; left--) {
      const at = table + index * DESC_BYTES;
      const [ipa, bytes, flags, next] = [
        this.#read(at, 8),
        this.#read(at + 8, 4),
        this.#read(at + 12, 2),
        this.#read(at + 14, 2),
      ];
      if (ipa === undefined || bytes === undefined || flags === undefined || next === undefined) return;
      const isTable = (flags & DESC_F_INDIRECT) !== 0;
      const range = { from: ipa, end: ipa + bytes };
      (isTable || (flags & DESC_F_WRITE) === 0 ? this.#readable : this.#writable).push(range);
      if (isTable) [table, entries, index] = [ipa, Math.floor(bytes / DESC_BYTES), 0];
      else if ((flags & DESC_F_NEXT) === 0) return;
      else index = next;
    }
  }

  mayRead(ipa: number, bytes: number): boolean {
    return this.#readable.some(({ from, end }) => ipa >= from && ipa + bytes <= end);
  }
  mayWrite(ipa: number, bytes: number): boolean {
    return this.#writable.some(({ from, end }) => ipa >= from && ipa + bytes <= end);
  }
}
