// What a VM's virtio devices may touch of its memory: the rings of queues that are in use, and the buffers that the driver has offered there. Read from the
// rings themselves (virtio 1.2, 2.7), without what the core makes of them; which queues there are, and how far they are, its records say.

import { virtqueue } from "../../abi/virtio.ts";
import { fieldOffset, sizeOf } from "../fields.ts";

const { DESC_BYTES, DESC_F_INDIRECT, DESC_F_NEXT, DESC_F_WRITE } = virtqueue;
const INDEX = 0xffff;

/** Where fields lie, looked up once. */
const once = <T>(make: () => T): (() => T) => {
  let made: T | undefined;
  return () => (made ??= make());
};
const layout = once(() => {
  const queue = (field: string): number => fieldOffset("Virtqueue", field);
  return {
    firstVirtio: fieldOffset("Vm", "firstVirtio"),
    virtioDevices: fieldOffset("Vm", "virtioDevices"),
    deviceBytes: sizeOf("VirtioDevice"),
    firstQueue: fieldOffset("VirtioDevice", "firstQueue"),
    queues: fieldOffset("VirtioDevice", "queues"),
    queueBytes: sizeOf("Virtqueue"),
    ready: queue("ready"),
    size: queue("size"),
    used: queue("used"),
    next: queue("next"),
    descriptors: queue("descriptors"),
    driver: queue("driver"),
    deviceArea: queue("deviceArea"),
  };
});

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

/** What a chain that was offered names. */
interface Offered {
  readonly readable: Range[];
  readonly writable: Range[];
  /** The device had it already when this exit began: what the driver writes into its descriptors since is nothing to the device. */
  isOld: boolean;
}

const isIn = (ipa: number, bytes: number, { from, end }: Range): boolean => ipa >= from && ipa + bytes <= end;

export class Grants {
  readonly #view: DataView;
  readonly #vm: number;
  #read: Read = () => undefined;
  /** Of each queue in use, by its record: its rings, and by their places in them the chains that the device has or may take. */
  readonly #rings = new Map<number, Offered>();
  readonly #chains = new Map<number, Map<number, Offered>>();
  /** How many chains of each had been taken when the exit began that is under way; and whether they were looked at in it. */
  readonly #taken = new Map<number, number>();
  #isLookedAt = false;

  /** `vm`: its record. */
  constructor(view: DataView, vm: number) {
    this.#view = view;
    this.#vm = vm;
  }

  #word(at: number): number {
    return this.#view.getUint32(at, true);
  }
  /** An IPA: one that no number holds is none of the VM's. */
  #address(at: number): number {
    return this.#word(at) + 2 ** 32 * this.#word(at + 4);
  }

  #eachQueue(does: (record: number) => void): void {
    const { firstVirtio, virtioDevices, deviceBytes, firstQueue, queues, queueBytes } = layout();
    const first = this.#word(this.#vm + firstVirtio);
    for (let slot = this.#word(this.#vm + virtioDevices) - 1; slot >= 0; slot--) {
      const device = first + slot * deviceBytes;
      const queue = this.#word(device + firstQueue);
      for (let n = this.#word(device + queues) - 1; n >= 0; n--) does(queue + n * queueBytes);
    }
  }

  /** An exit begins. */
  begin(): void {
    const { next } = layout();
    this.#eachQueue((record) => this.#taken.set(record, this.#word(record + next)));
    this.#isLookedAt = false;
  }

  /**
   * Looks what there is: at the first time in an exit, before EL2 has written there, what was offered when it began; later in it that is added which EL2 has
   * written into rings meanwhile.
   */
  #look(read: Read): void {
    this.#read = read;
    const isFirst = !this.#isLookedAt;
    this.#isLookedAt = true;
    this.#eachQueue((record) => this.#queue(record, isFirst));
  }

  #queue(record: number, isFirst: boolean): void {
    const at = layout();
    if (this.#word(record + at.ready) === 0) {
      // A queue that breaks in the middle of an exit was one until then.
      if (isFirst) this.#forget(record);
      return;
    }
    const size = this.#word(record + at.size);
    const ring: Ring = {
      size,
      descriptors: this.#address(record + at.descriptors),
      driver: this.#address(record + at.driver),
      device: this.#address(record + at.deviceArea),
      used: this.#word(record + at.used),
    };
    const areas = [
      { from: ring.descriptors, end: ring.descriptors + DESC_BYTES * size },
      { from: ring.driver, end: ring.driver + 6 + 2 * size },
    ];
    this.#rings.set(record, {
      readable: areas,
      writable: [{ from: ring.device, end: ring.device + 6 + 8 * size }],
      isOld: false,
    });
    const offered = this.#read(ring.driver + 2, 2) ?? ring.used;
    const before = this.#chains.get(record);
    const chains = isFirst || before === undefined ? new Map<number, Offered>() : before;
    this.#chains.set(record, chains);
    const next = isFirst ? this.#taken.get(record) : undefined;
    const taken = ((next ?? this.#word(record + at.next)) - ring.used) & INDEX;
    // What was taken is the device's, whatever the driver makes of its index since.
    const count = Math.min(Math.max((offered - ring.used) & INDEX, taken), size);
    for (let n = 0; n < count; n++) {
      const place = (ring.used + n) & INDEX;
      const known = before?.get(place);
      if (known !== undefined && (isFirst ? n < taken : known.isOld)) {
        known.isOld = true;
        chains.set(place, known);
        continue;
      }
      const chain = (isFirst ? undefined : known) ?? { readable: [], writable: [], isOld: false };
      chains.set(place, chain);
      const head = this.#read(ring.driver + 4 + 2 * (place & (size - 1)), 2);
      if (head !== undefined && head < size) this.#chain(ring, head, chain);
    }
  }

  #forget(record: number): void {
    this.#rings.delete(record);
    this.#chains.delete(record);
  }

  #chain({ descriptors, size }: Ring, head: number, { readable, writable }: Offered): void {
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
      (isTable || (flags & DESC_F_WRITE) === 0 ? readable : writable).push(range);
      if (isTable) [table, entries, index] = [ipa, Math.floor(bytes / DESC_BYTES), 0];
      else if ((flags & DESC_F_NEXT) === 0) return;
      else index = next;
    }
  }

  #may(access: "readable" | "writable", ipa: number, bytes: number): boolean {
    for (const ring of this.#rings.values()) for (const range of ring[access]) if (isIn(ipa, bytes, range)) return true;
    for (const chains of this.#chains.values())
      for (const chain of chains.values()) for (const range of chain[access]) if (isIn(ipa, bytes, range)) return true;
    return false;
  }
  /** Whether EL2 may read or write `bytes` at an IPA. `read` reads the VM's memory. */
  may(access: "readable" | "writable", ipa: number, bytes: number, read: Read): boolean {
    if (!this.#isLookedAt) this.#look(read);
    if (this.#may(access, ipa, bytes)) return true;
    // A device that writes to its own rings has it so.
    this.#look(read);
    return this.#may(access, ipa, bytes);
  }
}
