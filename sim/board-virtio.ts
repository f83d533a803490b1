// The board's virtio transports (virtio 1.2, 4.2), 0x200 apart, and what may be behind one: devices that use their queues (2.7) as QEMU's do, modern or legacy. A
// test says what comes in, and when the device acts; memory that is not the hypervisor's own they refuse.

import { virtioMmio as register, virtioStatus, virtqueue } from "../abi/virtio.ts";
import type { Device } from "./device.ts";
import { Violation } from "./faults.ts";
import type { Ram } from "./ram.ts";
import { hex, lowHalf, wordOf } from "./words.ts";

/** Where the transports lie, and how much room they take. */
export const TRANSPORTS = 0x0a00_0000;
export const TRANSPORTS_SIZE = 0x4000;
const STRIDE = 0x200;
const { DESC_BYTES, DESC_F_NEXT, DESC_F_WRITE } = virtqueue;
const PAGE = 4096;
const FRAME = 2 ** 21;

export interface VirtioOptions {
  readonly type: number;
  readonly legacy?: boolean;
  readonly features?: bigint;
  /** The configuration space. */
  readonly config?: Buffer;
  /** The most entries of a queue. */
  readonly size?: number;
}

interface Queue {
  size: number;
  descriptors: number;
  driver: number;
  device: number;
  isReady: boolean;
  /** How many chains the device has taken, and given back. */
  taken: number;
  used: number;
}

/** What a chain names: a buffer that the device reads or writes. */
export interface Buffers {
  readonly head: number;
  readonly readable: readonly { readonly at: number; readonly bytes: number }[];
  readonly writable: readonly { readonly at: number; readonly bytes: number }[];
}

export class BoardVirtio {
  readonly #ram: Ram;
  readonly #options: VirtioOptions;
  readonly #queues = new Map<number, Queue>();
  #status = 0;
  #interrupt = 0;
  #queueSel = 0;
  #deviceSel = 0;
  #driverSel = 0;
  /** What the driver has taken. */
  taken = 0n;
  /** Called at each kick with the queue's number. */
  onKick: (queue: number) => void = () => undefined;

  constructor(ram: Ram, options: VirtioOptions) {
    this.#ram = ram;
    this.#options = options;
  }

  get line(): boolean {
    return this.#interrupt !== 0;
  }
  get isRunning(): boolean {
    return (this.#status & virtioStatus.STATUS_DRIVER_OK) !== 0;
  }
  get #isLegacy(): boolean {
    return this.#options.legacy === true;
  }

  #queue(n: number): Queue {
    const found = this.#queues.get(n) ?? { size: 0, descriptors: 0, driver: 0, device: 0, isReady: false, taken: 0, used: 0 };
    this.#queues.set(n, found);
    return found;
  }

  read(offset: number, bytes: number): number {
    const { type, config = Buffer.alloc(0), size = 256, features = 0n } = this.#options;
    if (offset >= register.VIRTIO_CONFIG) {
      const at = offset - register.VIRTIO_CONFIG;
      return at + bytes <= config.length ? config.readUIntLE(at, bytes) : 0;
    }
    if (bytes !== 4) throw new Violation(`a virtio register is read by ${bytes} bytes`);
    switch (offset) {
      case register.VIRTIO_MAGIC_VALUE:
        return register.VIRTIO_MAGIC;
      case register.VIRTIO_VERSION:
        return this.#isLegacy ? register.VIRTIO_LEGACY : register.VIRTIO_MODERN;
      case register.VIRTIO_DEVICE_ID:
        return type;
      case register.VIRTIO_DEVICE_FEATURES: {
        const all = this.#isLegacy ? features : features | (1n << 32n);
        return lowHalf(all >> BigInt(32 * this.#deviceSel)) >>> 0;
      }
      case register.VIRTIO_QUEUE_NUM_MAX:
        return size;
      case register.VIRTIO_INTERRUPT_STATUS:
        return this.#interrupt;
      case register.VIRTIO_STATUS:
        return this.#status;
      default:
        throw new Violation(`the board's virtio device is read at ${hex(offset)}`);
    }
  }

  #writeAddress(offset: number, value: number): boolean {
    const queue = this.#queue(this.#queueSel);
    const set = (at: "descriptors" | "driver" | "device", isHigh: boolean): boolean => {
      queue[at] = isHigh ? (queue[at] % 2 ** 32) + value * 2 ** 32 : Math.floor(queue[at] / 2 ** 32) * 2 ** 32 + value;
      return true;
    };
    switch (offset & ~4) {
      case register.VIRTIO_QUEUE_DESC_LOW:
        return set("descriptors", (offset & 4) !== 0);
      case register.VIRTIO_QUEUE_DRIVER_LOW:
        return set("driver", (offset & 4) !== 0);
      case register.VIRTIO_QUEUE_DEVICE_LOW:
        return set("device", (offset & 4) !== 0);
      default:
        return false;
    }
  }

  #reset(): void {
    this.#queues.clear();
    this.#status = 0;
    this.#interrupt = 0;
    this.taken = 0n;
  }

  write(offset: number, bytes: number, value: number): void {
    if (bytes !== 4 || offset >= register.VIRTIO_CONFIG)
      throw new Violation(`the board's virtio device is written at ${hex(offset)}`);
    const queue = this.#queue(this.#queueSel);
    switch (offset) {
      case register.VIRTIO_DEVICE_FEATURES_SEL:
        this.#deviceSel = value;
        return;
      case register.VIRTIO_DRIVER_FEATURES_SEL:
        this.#driverSel = value;
        return;
      case register.VIRTIO_DRIVER_FEATURES:
        this.taken |= BigInt(value) << BigInt(32 * this.#driverSel);
        return;
      case register.VIRTIO_QUEUE_SEL:
        this.#queueSel = value;
        return;
      case register.VIRTIO_QUEUE_NUM:
        queue.size = value;
        return;
      case register.VIRTIO_QUEUE_NOTIFY:
        if (!this.isRunning) throw new Violation("a kick before DRIVER_OK");
        this.onKick(value);
        return;
      case register.VIRTIO_INTERRUPT_ACK:
        this.#interrupt &= ~value;
        return;
      case register.VIRTIO_STATUS:
        if (value === 0) this.#reset();
        else this.#status = value;
        return;
      default:
        break;
    }
    if (this.#isLegacy ? this.#writeLegacy(queue, offset, value) : this.#writeModern(queue, offset, value)) return;
    throw new Violation(`the board's virtio device is written at ${hex(offset)}`);
  }

  #writeModern(queue: Queue, offset: number, value: number): boolean {
    if (offset !== register.VIRTIO_QUEUE_READY) return this.#writeAddress(offset, value);
    queue.isReady = value === 1;
    return true;
  }

  #writeLegacy(queue: Queue, offset: number, value: number): boolean {
    if (offset === register.VIRTIO_GUEST_PAGE_SIZE || offset === register.VIRTIO_QUEUE_ALIGN) {
      if (value !== PAGE) throw new Violation(`pages of ${value} bytes`);
      return true;
    }
    if (offset !== register.VIRTIO_QUEUE_PFN) return false;
    queue.descriptors = value * PAGE;
    queue.driver = queue.descriptors + DESC_BYTES * queue.size;
    queue.device = Math.ceil((queue.driver + 6 + 2 * queue.size) / PAGE) * PAGE;
    queue.isReady = true;
    return true;
  }

  /** Whether an address is in the memory that holds its queues: the hypervisor's own for all devices, a frame of 2 MiB. */
  isOwnMemory(at: number): boolean {
    return [...this.#queues.values()].some(
      ({ descriptors }) => descriptors !== 0 && Math.floor(at / FRAME) === Math.floor(descriptors / FRAME),
    );
  }

  // --- the device at work

  #word(at: number, bytes: number): number {
    return Number(this.#ram.read(at, bytes));
  }

  /** The next chain that the driver has offered in a queue. */
  take(n: number): Buffers | undefined {
    const queue = this.#queue(n);
    if (!this.isRunning || !queue.isReady || this.#word(queue.driver + 2, 2) === queue.taken % 2 ** 16) return undefined;
    const head = this.#word(queue.driver + 4 + 2 * (queue.taken % queue.size), 2);
    queue.taken++;
    const readable: { at: number; bytes: number }[] = [];
    const writable: { at: number; bytes: number }[] = [];
    for (let index = head; ; ) {
      const at = queue.descriptors + index * DESC_BYTES;
      const flags = this.#word(at + 12, 2);
      ((flags & DESC_F_WRITE) === 0 ? readable : writable).push({ at: this.#word(at, 8), bytes: this.#word(at + 8, 4) });
      if ((flags & DESC_F_NEXT) === 0) return { head, readable, writable };
      index = this.#word(at + 14, 2);
    }
  }

  /** What the driver has for the device in a chain. */
  readBuffers({ readable }: Buffers): Buffer {
    return Buffer.concat(readable.map(({ at, bytes }) => this.#ram.readBytes(at, bytes)));
  }

  /** Writes into a chain's room and gives it back, with an interrupt unless the driver wants none; `said`: how many bytes it says there are. */
  give(n: number, { head, writable }: Buffers, bytes: Uint8Array, said?: number): void {
    const queue = this.#queue(n);
    if (!queue.isReady) return;
    let done = 0;
    for (const { at, bytes: room } of writable) {
      const part = bytes.subarray(done, done + room);
      this.#ram.writeBytes(at, part);
      done += part.length;
    }
    const entry = queue.device + 4 + 8 * (queue.used % queue.size);
    this.#ram.write(entry, 4, wordOf(head));
    this.#ram.write(entry + 4, 4, wordOf(said ?? done));
    queue.used++;
    this.#ram.write(queue.device + 2, 2, wordOf(queue.used % 2 ** 16));
    if ((this.#word(queue.driver, 2) & virtqueue.DRIVER_F_NO_INTERRUPT) === 0) this.#interrupt |= virtioStatus.INTERRUPT_USED;
  }
}

/** The transports as one device of the board: behind those without one is nothing (DeviceID 0). */
export class Transports implements Device {
  readonly base = TRANSPORTS;
  readonly size = TRANSPORTS_SIZE;
  readonly #devices: readonly (BoardVirtio | undefined)[];
  readonly #nothing: BoardVirtio;

  constructor(ram: Ram, devices: readonly (BoardVirtio | undefined)[]) {
    this.#devices = devices;
    this.#nothing = new BoardVirtio(ram, { type: 0 });
  }

  #at(offset: number): BoardVirtio {
    return this.#devices[Math.floor(offset / STRIDE)] ?? this.#nothing;
  }
  read(offset: number, bytes: number): bigint {
    return wordOf(this.#at(offset).read(offset % STRIDE, bytes));
  }
  write(offset: number, bytes: number, value: bigint): void {
    this.#at(offset).write(offset % STRIDE, bytes, lowHalf(value) >>> 0);
  }
}
