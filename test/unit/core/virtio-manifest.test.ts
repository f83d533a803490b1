// Virtio devices, disks, switches and pipes in a manifest that says what cannot be: each mistake gets one message, before anything has started.

import { test } from "node:test";
import { bundleNames as names } from "../../../abi/bundle.ts";
import { virtioDevices } from "../../../abi/virtio.ts";
import { start } from "../../../sim/start.ts";
import { type FdtNode, fdtNode } from "../../../tool/fdt.ts";
import { listOf, type Properties, payload, plainVm, refusedAtBoot, writeByHand } from "./bundle-by-hand.ts";

const { VIRTIO_NET, VIRTIO_BLOCK, VIRTIO_CONSOLE, VIRTIO_ENTROPY } = virtioDevices;
const type = (number: number): Properties => ({ [names.TYPE]: BigInt(number) });
const net = (properties: Properties = {}): Properties => ({
  ...type(VIRTIO_NET),
  [names.SWITCH]: 0n,
  [names.MAC]: 2n,
  ...properties,
});
const block = (properties: Properties = {}): Properties => ({ ...type(VIRTIO_BLOCK), [names.DISK]: 0n, ...properties });
const disk = (properties: Properties = {}): Properties => ({ [names.SIZE]: 0x2000n, [names.WRITABLE]: true, ...properties });
/** A console device whose ports are ends of these pipes. */
const consoleNode = (...ends: readonly bigint[]): FdtNode =>
  fdtNode("virtio@0", type(VIRTIO_CONSOLE), [
    listOf(
      names.PORTS,
      ends.map((index) => ({ [names.INDEX]: index })),
    ),
  ]);

interface Contents {
  readonly virtio?: readonly (Properties | FdtNode)[];
  readonly disks?: readonly Properties[];
  readonly switches?: readonly Properties[];
  readonly pipes?: readonly Properties[];
}

const isNode = (one: Properties | FdtNode): one is FdtNode => "children" in one;

const bundleWith = ({
  virtio = [],
  disks = [disk()],
  switches = [{}],
  pipes = [{ [names.PIPE_NAME]: "pipe" }],
}: Contents): Buffer => {
  const devices = virtio.map((one, n) => (isNode(one) ? one : fdtNode(`virtio@${n}`, one)));
  const lists = [listOf(names.DISKS, disks), listOf(names.SWITCHES, switches), listOf(names.PIPES, pipes)];
  return writeByHand({ vms: [fdtNode("vm@0", plainVm, [fdtNode(names.VIRTIO, {}, devices)])], lists });
};

test("the bundle that the mistakes are made in is one", () => {
  start({ bundle: bundleWith({ virtio: [net(), block(), type(VIRTIO_ENTROPY), consoleNode(0n, 0n)] }) });
});

const many = <Item>(count: number, item: Item): Item[] => Array.from({ length: count }, () => item);

const mistakes: Readonly<Record<string, readonly [Contents, RegExp]>> = {
  "a device of a type that is none": [{ virtio: [type(5)] }, /a virtio device of type 5$/],
  "a device without a type": [{ virtio: [{}] }, /a virtio device of type \d+$/],
  "too many devices": [{ virtio: many(17, type(VIRTIO_ENTROPY)) }, /more than 16 virtio devices$/],
  "a port of a switch that is not there": [{ virtio: [net({ [names.SWITCH]: 1n })] }, /a port of switch 1, of 1$/],
  "a port without a switch": [{ virtio: [net({ [names.SWITCH]: false })] }, /a port of switch \d+, of 1$/],
  "an address of nobody": [{ virtio: [net({ [names.MAC]: 0n })] }, /a port with the address 0x0$/],
  "an address of a group": [{ virtio: [net({ [names.MAC]: 3n })] }, /a port with the address 0x3$/],
  "an address of 64 bits": [{ virtio: [net({ [names.MAC]: 1n << 48n })] }, /a port with the address 0x1000000000000$/],
  "a rate that is too low": [{ virtio: [net({ [names.RATE]: 999n })] }, /a port that sends 999 bytes a second$/],
  "a rate that is too high": [{ virtio: [net({ [names.RATE]: 1n << 60n })] }, /a port that sends \d+ bytes a second$/],
  "too many switches": [{ switches: many(17, {}) }, /more than 16 switches$/],
  "a capture of no whole pages": [{ switches: [{ [names.CAPTURE]: 5000n }] }, /a capture of 5000 bytes$/],
  "a capture that is too small": [{ switches: [{ [names.CAPTURE]: 0n }] }, /a capture of 0 bytes$/],
  "a device on a disk that is not there": [{ virtio: [block({ [names.DISK]: 1n })] }, /a block device on disk 1, of 1$/],
  "too many disks": [{ disks: many(65, disk()) }, /more than 64 disks$/],
  "a disk of nothing": [{ disks: [disk({ [names.SIZE]: 0n })] }, /a disk of 0x0 bytes$/],
  "a disk of no whole blocks": [{ disks: [disk({ [names.SIZE]: 4097n })] }, /a disk of 0x1001 bytes$/],
  "a disk smaller than its file": [
    { disks: [disk({ [names.SIZE]: 4096n, [names.FILE]: payload(8192) })] },
    /a file of 8192 bytes for a disk of 4096$/,
  ],
  "a slice between sectors": [
    { disks: [{ [names.BOARD]: "disk", [names.START]: 1n }] },
    /a slice of a disk from 0x1, of 0x[0-9a-f]+ bytes$/,
  ],
  "a pipe without a name": [{ pipes: [{}] }, /pipe 0 has no name$/],
  "too many pipes": [{ pipes: many(65, { [names.PIPE_NAME]: "pipe" }) }, /more than 64 pipes$/],
  "an end of a pipe that is not there": [{ virtio: [consoleNode(1n)] }, /an end of pipe 1, of 1$/],
  "a pipe with three ends": [{ virtio: [consoleNode(0n, 0n, 0n)] }, /pipe 0 has more than two ends$/],
  "too many ends": [
    { virtio: [consoleNode(...Array.from({ length: 9 }, (_, n) => BigInt(n)))], pipes: many(9, { [names.PIPE_NAME]: "pipe" }) },
    /a console device of more than 8 pipes$/,
  ],
  "two pipes to the board": [
    { virtio: [consoleNode(0n, 1n)], pipes: many(2, { [names.PIPE_NAME]: "pipe" }) },
    /pipe 1 is a second one to the board$/,
  ],
  "two consoles of a VM": [{ virtio: [consoleNode(), consoleNode()] }, /vm0 has two console devices$/],
};

for (const [name, [contents, message]] of Object.entries(mistakes)) {
  test(`refused with one message: ${name}`, () => {
    refusedAtBoot(bundleWith(contents), message, "the bundle is corrupt: ");
  });
}
