// The board's virtio devices in the simulator, a disk, a network device and a console device: what virtio.c is natively. Until the system is up they answer at once; then events of
// the input say what they do.

import { virtioBlock as block, virtioConsole as console, virtioNet as net, virtioDevices } from "../abi/virtio.ts";
import type { BoardVirtio, Buffers, VirtioOptions } from "../sim/board-virtio.ts";
import type { Machine } from "../sim/machine.ts";
import type { Event } from "./access.ts";
import { boardActs, frameAt, rings } from "./format.ts";

export const DISK_SERIAL = "DISK";
const DISK_SECTORS = 0x1000;
const MAC = [0x02, 0, 0, 0, 9, 9];

const diskConfig = Buffer.alloc(64);
diskConfig.writeBigUInt64LE(BigInt(DISK_SECTORS));
const netConfig = Buffer.alloc(64);
netConfig.set(MAC);

export const boardDevices: readonly (VirtioOptions & { readonly features: bigint; readonly config: Buffer })[] = [
  { type: virtioDevices.VIRTIO_BLOCK, features: block.BLOCK_F_FLUSH, config: diskConfig },
  { type: virtioDevices.VIRTIO_NET, features: net.NET_F_MAC, config: netConfig },
  { type: virtioDevices.VIRTIO_CONSOLE, features: 0n, config: Buffer.alloc(64) },
];

const roomOf = ({ writable }: Buffers): number => writable.reduce((sum, { bytes }) => sum + bytes, 0);

export class BoardDevices {
  readonly #disk: BoardVirtio;
  readonly #net: BoardVirtio;
  readonly #console: BoardVirtio;
  /** What the disk was asked and has not answered. */
  readonly #asked: Buffers[] = [];
  isUp = false;

  constructor(machine: Machine) {
    const [disk, network, line] = machine.virtio;
    if (disk === undefined || network === undefined || line === undefined) throw new Error("the board has no virtio devices");
    [this.#disk, this.#net, this.#console] = [disk, network, line];
    disk.onKick = () => {
      if (this.isUp) return;
      for (this.#look(); this.#asked.length > 0; this.#look()) this.#answer(0, block.BLOCK_S_OK, Buffer.from(DISK_SERIAL));
    };
  }

  #look(): void {
    for (let found = this.#disk.take(0); found !== undefined; found = this.#disk.take(0)) this.#asked.push(found);
  }
  #answer(which: number, status: number, contents: Buffer): void {
    const [chain] = this.#asked.splice(which, 1);
    if (chain === undefined) return;
    const data = Buffer.alloc(roomOf(chain) - 1);
    contents.copy(data);
    this.#disk.give(0, chain, Buffer.concat([data, Buffer.from([status])]));
  }

  #comes({ b, c }: Event): void {
    const chain = this.#net.take(net.NET_RECEIVE);
    if (chain === undefined) return;
    const bytes = Math.min(rings.FRAME_AT + (c & 0xffff), roomOf(chain));
    const start = frameAt(b).subarray(0, bytes);
    this.#net.give(net.NET_RECEIVE, chain, start, bytes);
  }
  #typed({ c, d }: Event): void {
    const chain = this.#console.take(console.CONSOLE_RECEIVE);
    if (chain === undefined) return;
    const bytes = Math.min(c & 0xffff, roomOf(chain));
    this.#console.give(console.CONSOLE_RECEIVE, chain, Buffer.alloc(bytes, Number(d & 0xffn)));
  }
  /** A device is done with all that it has to send, by the same queue whatever it is. */
  #sent(device: BoardVirtio): void {
    for (let chain = device.take(net.NET_TRANSMIT); chain !== undefined; chain = device.take(net.NET_TRANSMIT))
      device.give(net.NET_TRANSMIT, chain, Buffer.alloc(0));
  }

  act(event: Event): void {
    const { a, b, c, d } = event;
    const lie = { head: c, readable: [], writable: [] };
    const bytes = Number(BigInt.asUintN(32, d));
    switch (boardActs[a % boardActs.length]) {
      case "DISK": {
        this.#look();
        const fill = Buffer.alloc(0x8000, Number(d & 0xffn));
        if (this.#asked.length > 0) this.#answer(b % this.#asked.length, c & 0xff, fill);
        break;
      }
      case "COMES":
        this.#comes(event);
        break;
      case "SENT":
        this.#sent(this.#net);
        break;
      case "DISK_LIES":
        this.#disk.give(0, lie, Buffer.alloc(0), bytes);
        break;
      case "TYPED":
        this.#typed(event);
        break;
      case "READ":
        this.#sent(this.#console);
        break;
      case "CONSOLE_LIES":
        this.#console.give(b % 2, lie, Buffer.alloc(0), bytes);
        break;
      default:
        this.#net.give(b % 2, lie, Buffer.alloc(0), bytes);
    }
  }
}
