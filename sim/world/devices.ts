// What of a random system is about virtio devices: disks in RAM and slices of the board's, switches with and without rates, captures and an uplink, pipes between VMs
// and to the board, and which VM has what; and the board's devices behind them, which a world's outside has act.

import { virtioBlock, virtioConsole, virtioDevices, virtioNet } from "../../abi/virtio.ts";
import { MIB } from "../../tool/size.ts";
import { virtioOf } from "../../tool/virtio.ts";
import type { BoardVirtio, Buffers, VirtioOptions } from "../board-virtio.ts";
import type { DiskOptions, SystemSettings, VmOptions } from "../bundles.ts";
import type { Machine } from "../machine.ts";
import { once, oneOf, type Random } from "../random.ts";
import { frameKinds, frameStart } from "../virtio/frames.ts";

const KIB = 1024;
const SERIAL = "WORLD";
const SECTORS = 512;
const OUTSIDE = [2, 0, 0, 0, 9, 9];

type Switches = NonNullable<SystemSettings["switches"]>;
type Pipes = NonNullable<SystemSettings["pipes"]>;

export interface RandomDevices {
  readonly disks: readonly DiskOptions[];
  readonly switches: Switches;
  readonly pipes: Pipes;
  /** Of each VM. */
  readonly vms: readonly Pick<VmOptions, "nets" | "disks" | "devices">[];
  /** What is behind the board's transports. */
  readonly board: readonly (VirtioOptions | undefined)[];
}

const NONE: Omit<RandomDevices, "vms"> = { disks: [], switches: [], pipes: [], board: [] };

const randomDisk = (random: Random, n: number): DiskOptions => {
  const file = Buffer.alloc(1 + random(40 * KIB), n + 1);
  const kinds: readonly Omit<DiskOptions, "name">[] = [
    { size: 32 * KIB, writable: true },
    { size: 64 * KIB, writable: true, file },
    { file },
    { board: { serial: SERIAL }, start: 4096 * random(8), size: 32 * KIB, writable: once(random, 2) },
    { board: { serial: SERIAL }, start: 64 * KIB },
    // Nobody has that one: it is empty.
    { board: { serial: "OTHER" } },
  ];
  return { name: `disk${n}`, ...oneOf(random, kinds) };
};

/** Pipes between VMs, and one that ends at the board. */
const randomPipes = (random: Random, names: readonly string[]): Pipes =>
  Array.from({ length: random(3) }, (_, n) => {
    const one = random(names.length);
    const other = random(names.length);
    const isToBoard = one === other && n === 0;
    return { name: `pipe${n}`, between: isToBoard ? [names[one]!] : [names[one]!, names[other]!] };
  }).filter(({ between: [one, other] }) => one !== other);

const boardOf = (random: Random, disks: readonly DiskOptions[], switches: Switches, pipes: Pipes): RandomDevices["board"] => {
  const config = Buffer.alloc(64);
  config.writeBigUInt64LE(BigInt(SECTORS));
  const legacy = once(random, 2);
  const features = once(random, 2) ? virtioBlock.BLOCK_F_FLUSH : 0n;
  const mac = Buffer.alloc(64);
  mac.set(OUTSIDE);
  const hasDisk = disks.some(({ board }) => board !== undefined);
  const hasNet = switches.some(({ uplink }) => uplink !== undefined);
  const hasConsole = pipes.some(({ between }) => between.length === 1) && !once(random, 4);
  if (!hasDisk && !hasNet && !hasConsole) return [];
  return [
    hasDisk ? { type: virtioDevices.VIRTIO_BLOCK, legacy, features, config } : undefined,
    hasNet ? { type: virtioDevices.VIRTIO_NET, legacy, features: virtioNet.NET_F_MAC, config: mac } : undefined,
    hasConsole ? { type: virtioDevices.VIRTIO_CONSOLE, legacy } : undefined,
  ];
};

/** Half of the systems have no devices: there is enough else that guests do. */
export const randomDevices = (random: Random, names: readonly string[]): RandomDevices => {
  const vms = names.map(() => ({}));
  if (once(random, 2)) return { ...NONE, vms };
  const disks = Array.from({ length: 1 + random(3) }, (_, n) => randomDisk(random, n));
  const switches = Array.from({ length: 1 + random(2) }, (_, n) => ({
    name: `lan${n}`,
    ...(once(random, 3) && { capture: oneOf(random, [4096, 0x2_0000]) }),
    ...(n === 0 && once(random, 2) && { uplink: true as const }),
  }));
  const pipes = randomPipes(random, names);
  return {
    disks,
    switches,
    pipes,
    vms: vms.map((_, vm) => ({
      // A switch is somebody's.
      nets: switches
        .filter(() => vm === 0 || !once(random, 4))
        .map(({ name }) => ({ switch: name, ...(once(random, 6) && { rate: oneOf(random, [1000, MIB]) }) })),
      disks: disks.filter(() => once(random, 2)).map(({ name }) => ({ disk: name, ...(once(random, 4) && { readOnly: true }) })),
      devices: { entropy: once(random, 3), console: once(random, 3) },
    })),
    board: boardOf(random, disks, switches, pipes),
  };
};

/** The types of a VM's devices, the addresses of those that have one, whether they reach outside, and how many pipes end there. */
export const devicesIn = (
  { disks: all = [], switches = [], pipes = [] }: Pick<SystemSettings, "disks" | "switches" | "pipes">,
  { name = "guest", nets = [], disks = [], devices = {} }: Pick<VmOptions, "name" | "nets" | "disks" | "devices">,
): { type: number; mac: number[] | undefined; isOutward: boolean; pipes: number }[] => {
  const bytesOf = (mac: bigint): number[] => Array.from({ length: 6 }, (_, n) => Number((mac >> BigInt(8 * n)) & 0xffn));
  const system = { disks: all.map((disk) => ({ writable: false, ...disk, file: undefined })), switches, pipes };
  const asked = { uart: true, rtc: true, entropy: false, console: false, ...devices };
  return virtioOf(system, { name, nets, disks, devices: asked }).map(({ type, mac, switch: on = 0, pipes: ends = [] }) => ({
    type,
    mac: mac === undefined ? undefined : bytesOf(mac),
    isOutward: mac !== undefined && switches[on]?.uplink !== undefined,
    pipes: ends.length,
  }));
};

/** The board's virtio devices of a world. What a disk is asked for at boot it does at once. */
export class Outside {
  readonly #disk: BoardVirtio | undefined;
  readonly #net: BoardVirtio | undefined;
  readonly #console: BoardVirtio | undefined;
  readonly #header: number;
  readonly #asked: Buffers[] = [];

  constructor(machine: Machine, board: RandomDevices["board"]) {
    [this.#disk, this.#net, this.#console] = machine.virtio;
    this.#header = board[1]?.legacy === true ? virtioNet.NET_HEADER_LEGACY : virtioNet.NET_HEADER;
    const disk = this.#disk;
    if (disk === undefined) return;
    disk.onKick = () => {
      this.#look(disk);
      // Its name.
      for (const chain of this.#asked.splice(0)) {
        const isNamed = disk.readBuffers(chain).readUInt32LE(0) === virtioBlock.BLOCK_T_GET_ID;
        if (isNamed) this.#answer(disk, chain, virtioBlock.BLOCK_S_OK, Buffer.from(SERIAL));
        else this.#asked.push(chain);
      }
    };
  }

  get isThere(): boolean {
    return this.#disk !== undefined || this.#net !== undefined || this.#console !== undefined;
  }

  #look(disk: BoardVirtio): void {
    for (let found = disk.take(0); found !== undefined; found = disk.take(0)) this.#asked.push(found);
  }
  #answer(disk: BoardVirtio, chain: Buffers, status: number, contents: Uint8Array): void {
    const data = Buffer.alloc(chain.writable.reduce((sum, { bytes }) => sum + bytes, 0) - 1);
    data.set(contents.subarray(0, data.length));
    disk.give(0, chain, Buffer.concat([data, Buffer.from([status])]));
  }

  /** Whoever is behind the console device reads, or writes something. */
  #talk(device: BoardVirtio, random: Random): void {
    if (once(random, 2)) {
      for (let n = random(4); n >= 0; n--) {
        const chain = device.take(virtioConsole.CONSOLE_TRANSMIT);
        if (chain !== undefined) device.give(virtioConsole.CONSOLE_TRANSMIT, chain, Buffer.alloc(0));
      }
      return;
    }
    const chain = device.take(virtioConsole.CONSOLE_RECEIVE);
    if (chain !== undefined) device.give(virtioConsole.CONSOLE_RECEIVE, chain, Buffer.alloc(oneOf(random, [0, 1, 100, 2048])));
  }

  /** The disk ends one of its requests, now and then badly; a frame comes for one of `macs`, or frames have been sent; somebody talks by the console. */
  act(random: Random, macs: readonly (readonly number[])[]): void {
    const [disk, net] = [this.#disk, this.#net];
    if (this.#console !== undefined) this.#talk(this.#console, random);
    if (disk !== undefined) {
      this.#look(disk);
      const [chain] = this.#asked.splice(random(Math.max(1, this.#asked.length)), 1);
      if (chain !== undefined) this.#answer(disk, chain, once(random, 8) ? random(3) : 0, Buffer.alloc(0));
    }
    if (net === undefined) return;
    if (once(random, 2)) {
      for (let chain = net.take(virtioNet.NET_TRANSMIT); chain !== undefined; chain = net.take(virtioNet.NET_TRANSMIT))
        net.give(virtioNet.NET_TRANSMIT, chain, Buffer.alloc(0));
      return;
    }
    // Before anybody listens nothing comes: what a switch captures is known by the VMs that have run.
    const chain = macs.length === 0 ? undefined : net.take(virtioNet.NET_RECEIVE);
    if (chain === undefined) return;
    const frame = frameStart(
      once(random, 4) ? [255, 255, 255, 255, 255, 255] : oneOf(random, macs),
      OUTSIDE,
      oneOf(random, frameKinds),
    );
    const bytes = Buffer.alloc(this.#header + oneOf(random, [3, 60, 1500]));
    bytes.set(frame.subarray(virtioNet.NET_HEADER, virtioNet.NET_HEADER + bytes.length - this.#header), this.#header);
    net.give(virtioNet.NET_RECEIVE, chain, bytes);
  }
}
