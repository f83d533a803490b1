// A guest's driver of a virtio console as a script (virtio 1.2, 5.3): it makes the ports that it is told of, opens them, sends and receives.

import { guest as machine } from "../../../abi/guest.ts";
import { virtioConsole as console } from "../../../abi/virtio.ts";
import type { Guest } from "../../../sim/guest.ts";
import type { Machine } from "../../../sim/machine.ts";
import { Driver, type Queue } from "./virtio-driver.ts";

const RINGS = machine.RAM_BASE + 0x40_0000;
const BUFFERS = machine.RAM_BASE + 0x60_0000;
const SIZE = 32;
/** Room for each buffer of a queue. */
const STRIDE = 0x1000;

/** What nobody has kicked for is done in time: a millisecond passes. */
export const later = (machine: Machine): void => machine.run.advance(62_500n);

export interface Message {
  readonly id: number;
  readonly event: number;
  readonly value: number;
  readonly name?: string;
}

export class ConsoleDriver {
  readonly driver: Driver;
  readonly queues: readonly Queue[];
  /** Where the buffer of each chain of a queue lies. */
  readonly #places = new Map<string, number>();

  constructor(guest: Guest, { ports = 1, slot = 0, features }: { ports?: number; slot?: number; features?: bigint } = {}) {
    this.driver = new Driver(guest, slot);
    const options = { queues: 2 * (ports + 1), size: SIZE, base: RINGS, ...(features === undefined ? {} : { features }) };
    this.queues = this.driver.start(options);
  }

  receiveQueue(port: number): Queue {
    return this.queues[port === 0 ? console.CONSOLE_RECEIVE : 2 * port + 2]!;
  }
  transmitQueue(port: number): Queue {
    return this.queues[port === 0 ? console.CONSOLE_TRANSMIT : 2 * port + 3]!;
  }

  #place(queue: Queue): number {
    return BUFFERS + queue.number * SIZE * STRIDE + (queue.offered % SIZE) * STRIDE;
  }

  /** Offers buffers of a queue for the device to write, and kicks. */
  offer(queue: Queue, count: number, bytes = STRIDE): void {
    for (let n = 0; n < count; n++) {
      const ipa = this.#place(queue);
      this.#places.set(`${queue.number} ${queue.offer([{ ipa, bytes, write: true }])}`, ipa);
    }
    queue.kick();
  }
  /** What has come in a queue. */
  taken(queue: Queue): Buffer[] {
    return queue
      .take()
      .map(({ head, bytes }) => Buffer.from(this.driver.memory.bytes(this.#places.get(`${queue.number} ${head}`)!, bytes)));
  }
  received(port: number): string {
    return Buffer.concat(this.taken(this.receiveQueue(port))).toString("latin1");
  }

  /** Sends bytes by a queue as one chain, in pieces of `piece` bytes, and kicks. */
  put(queue: Queue, bytes: Buffer, piece = bytes.length): void {
    const ipa = this.#place(queue);
    this.driver.memory.fill(ipa, bytes);
    const count = Math.max(1, Math.ceil(bytes.length / piece));
    const parts = Array.from({ length: count }, (_, n) => ({
      ipa: ipa + n * piece,
      bytes: Math.min(piece, bytes.length - n * piece),
    }));
    queue.offer(parts);
    queue.kick();
  }
  send(port: number, text: string, piece?: number): void {
    this.put(this.transmitQueue(port), Buffer.from(text, "latin1"), piece);
  }

  say(id: number, event: number, value: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32LE(id, 0);
    bytes.writeUInt16LE(event, 4);
    bytes.writeUInt16LE(value, 6);
    const queue = this.queues[console.CONSOLE_CONTROL_TRANSMIT]!;
    this.put(queue, bytes);
    queue.take();
  }
  /** What the device has said. */
  heard(): Message[] {
    return this.taken(this.queues[console.CONSOLE_CONTROL_RECEIVE]!).map((bytes) => ({
      id: bytes.readUInt32LE(0),
      event: bytes.readUInt16LE(4),
      value: bytes.readUInt16LE(6),
      ...(bytes.length > 8 ? { name: bytes.toString("latin1", 8) } : {}),
    }));
  }

  /** Makes all ports as Linux does, and opens some. */
  begin(opened: readonly number[]): void {
    this.offer(this.queues[console.CONSOLE_CONTROL_RECEIVE]!, SIZE);
    this.say(0xffff_ffff, console.CONSOLE_DEVICE_READY, 1);
    for (const { id } of this.heard()) this.say(id, console.CONSOLE_PORT_READY, 1);
    for (const id of opened) this.say(id, console.CONSOLE_PORT_OPEN, 1);
  }
}
