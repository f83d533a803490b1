// A guest's drivers of its virtio devices (virtio 1.2), and what a hostile one does there: devices brought up and reset at any moment, requests of every kind,
// rings that are sound and rings that are not. Each action comes to the core once at most, with what it has written into the VM's memory before.

import { guest as guestMachine } from "../../abi/guest.ts";
import {
  virtioBlock as block,
  virtioConsole as console,
  virtioNet as net,
  virtioMmio as register,
  virtioDevices,
  virtioFeatures,
  virtqueue,
} from "../../abi/virtio.ts";
import type { Guest } from "../guest.ts";
import { once, oneOf, type Random } from "../random.ts";
import { FRAME_AT, frameKinds, frameStart } from "../virtio/frames.ts";
import { type Action, type Actor, begin } from "./actor.ts";

const { DESC_BYTES, DESC_F_INDIRECT, DESC_F_NEXT, DESC_F_WRITE } = virtqueue;
const { F_EVENT_IDX, F_INDIRECT_DESC } = virtioFeatures;
const { NET_RECEIVE, NET_TRANSMIT } = net;
const { BLOCK_T_IN, BLOCK_T_OUT, BLOCK_T_FLUSH, BLOCK_T_GET_ID, BLOCK_T_DISCARD, BLOCK_T_WRITE_ZEROES, SECTOR } = block;

/** Entries of each queue. */
const SIZE = 16;
/** The devices' memory in their VM's RAM: for each queue its areas, and a buffer for each entry. */
const AT = guestMachine.RAM_BASE + 0x60_0000;
const QUEUE_BYTES = 0x1_2000;
const DRIVER_AREA = 0x400;
const DEVICE_AREA = 0x800;
const BUFFERS = 0x1000;
const BUFFER = 0x1000;
/** In a buffer: a table of descriptors, and the data of a request. */
const TABLE = 0x100;
const DATA = 0x200;
/** More sectors than any disk has. */
const BEYOND = 0x1000;
/** So many things done right come to one that is not, and to a reset. */
const WRONG = 30;
const RESET = 80;

/** A virtio device, in the order of their transports. */
interface Device {
  readonly type: number;
  /** Its address, if it has one. */
  readonly mac: readonly number[] | undefined;
  readonly queues: number;
  /** How many queues the devices before it have. */
  readonly before: number;
  /** Its driver has brought it up, and not spoilt it since. */
  isUp: boolean;
  /** Of each queue, how many chains were offered, and the descriptor that is free next. */
  readonly offered: number[];
  readonly next: number[];
}

/** The devices of a VM, and the addresses of all VMs' network devices. */
export interface Devices {
  readonly all: readonly Device[];
  readonly macs: readonly (readonly number[])[];
  /** Where their memory is, while an action lasts. */
  block: number | "none" | undefined;
}

const queuesOf = (type: number, pipes: number): number => {
  switch (type) {
    case virtioDevices.VIRTIO_NET:
      return 2;
    case virtioDevices.VIRTIO_CONSOLE:
      return 2 * (pipes + 2);
    default:
      return 1;
  }
};

/** Those of these types and addresses, where so many pipes end. */
export const devicesOf = (
  devices: readonly (Pick<Device, "type" | "mac"> & { readonly pipes: number })[],
  macs: Devices["macs"],
): Devices => {
  let before = 0;
  const all = devices.map(({ type, mac, pipes }): Device => {
    const queues = queuesOf(type, pipes);
    const device = { type, mac, queues, before, isUp: false, offered: Array(queues).fill(0), next: Array(queues).fill(0) };
    before += queues;
    return device;
  });
  return { all, macs, block: undefined };
};

// --- registers and memory

const store = (guest: Guest, slot: number, offset: number, value: number): void =>
  guest.store(guestMachine.VIRTIO_BASE + slot * guestMachine.VIRTIO_STRIDE + offset, BigInt(value), { bytes: 4, rt: 5 });

/** The VM's memory of devices, which lies in one block of stage 2: where that is, found once in each action. */
const blockOf = ({ guest, devices }: Actor): number | undefined => {
  if (devices.block === undefined) {
    const found = guest.translate(AT);
    devices.block = "fault" in found ? "none" : found.output + (AT - found.input);
  }
  return devices.block === "none" ? undefined : devices.block;
};
const write = (actor: Actor, ipa: number, bytes: number, value: number | bigint): void => {
  const block = blockOf(actor);
  if (block !== undefined) actor.guest.machine.ram.write(block + (ipa - AT), bytes, BigInt.asUintN(8 * bytes, BigInt(value)));
};

const areaOf = ({ before }: Device, queue: number): number => AT + (before + queue) * QUEUE_BYTES;
const bufferOf = (device: Device, queue: number, entry: number): number => areaOf(device, queue) + BUFFERS + entry * BUFFER;

// --- bringing a device up

/** What drivers take of what all devices offer, and of what those of a type do. */
const RINGS = [0n, F_INDIRECT_DESC, F_INDIRECT_DESC | F_EVENT_IDX, F_INDIRECT_DESC | F_EVENT_IDX];
const OFFLOADS =
  net.NET_F_CSUM |
  net.NET_F_GUEST_CSUM |
  net.NET_F_GUEST_TSO4 |
  net.NET_F_GUEST_TSO6 |
  net.NET_F_HOST_TSO4 |
  net.NET_F_HOST_TSO6 |
  net.NET_F_MRG_RXBUF;
const OWN: Readonly<Record<number, bigint>> = {
  [virtioDevices.VIRTIO_NET]: OFFLOADS,
  [virtioDevices.VIRTIO_CONSOLE]: console.CONSOLE_F_MULTIPORT,
};

/** The registers of it, one after the other: at random something is left out, asked for that was never offered, or not brought to its end. */
const bringingUp = (slot: number, device: Device, random: Random): Action[] => {
  const set =
    (offset: number, value: number): Action =>
    ({ guest }) =>
      store(guest, slot, offset, value);
  const own = once(random, 2) ? (OWN[device.type] ?? 0n) : 0n;
  const features = once(random, 32) ? random(2 ** 32) : Number(own | oneOf(random, RINGS));
  const queues = Array.from({ length: device.queues }, (_, queue) => [
    set(register.VIRTIO_QUEUE_SEL, queue),
    set(register.VIRTIO_QUEUE_NUM, once(random, 32) ? random(300) : SIZE),
    set(register.VIRTIO_QUEUE_DESC_LOW, areaOf(device, queue)),
    set(register.VIRTIO_QUEUE_DRIVER_LOW, areaOf(device, queue) + DRIVER_AREA),
    set(register.VIRTIO_QUEUE_DEVICE_LOW, areaOf(device, queue) + DEVICE_AREA + (once(random, 64) ? random(0x2000) : 0)),
    set(register.VIRTIO_QUEUE_READY, 1),
  ]).flat();
  const all = [
    set(register.VIRTIO_STATUS, 0),
    set(register.VIRTIO_STATUS, 3),
    set(register.VIRTIO_DRIVER_FEATURES_SEL, 0),
    set(register.VIRTIO_DRIVER_FEATURES, features),
    set(register.VIRTIO_DRIVER_FEATURES_SEL, 1),
    set(register.VIRTIO_DRIVER_FEATURES, 1),
    set(register.VIRTIO_STATUS, 11),
    ...queues,
    set(register.VIRTIO_STATUS, 15),
  ];
  const isRight = !once(random, WRONG);
  return isRight ? all : all.filter(() => !once(random, 8));
};

const bringUp = (actor: Actor, slot: number, device: Device): void => {
  const { random } = actor;
  for (let queue = 0; queue < device.queues; queue++) {
    for (const area of [DRIVER_AREA, DEVICE_AREA]) write(actor, areaOf(device, queue) + area, 8, 0);
    device.offered[queue] = 0;
    device.next[queue] = 0;
  }
  begin(actor, [
    ...bringingUp(slot, device, random),
    () => {
      device.isUp = true;
    },
  ]);
};

// --- rings

interface Part {
  readonly ipa: number;
  readonly bytes: number;
  readonly isWritten: boolean;
}

const describe = (actor: Actor, at: number, ipa: number, bytes: number, flags: number, next: number): void => {
  write(actor, at, 8, ipa);
  write(actor, at + 8, 8, BigInt(bytes) | (BigInt(flags) << 32n) | (BigInt(next) << 48n));
};

const push = (actor: Actor, device: Device, queue: number, head: number): void => {
  const area = areaOf(device, queue) + DRIVER_AREA;
  write(actor, area + 4 + 2 * (device.offered[queue]! % SIZE), 2, head);
  device.offered[queue] = (device.offered[queue]! + 1) % 2 ** 16;
  write(actor, area + 2, 2, device.offered[queue]!);
};

/** Offers a chain, by way of a table now and then. */
const offer = (actor: Actor, device: Device, queue: number, parts: readonly Part[]): void => {
  const { random } = actor;
  const head = device.next[queue]!;
  const isTable = once(random, 4);
  const table = isTable ? bufferOf(device, queue, head) + TABLE : areaOf(device, queue);
  const first = isTable ? 0 : head;
  for (const [n, { ipa, bytes, isWritten }] of parts.entries()) {
    const flags = (isWritten ? DESC_F_WRITE : 0) | (n === parts.length - 1 ? 0 : DESC_F_NEXT);
    describe(actor, table + ((first + n) % SIZE) * DESC_BYTES, ipa, bytes, flags, (first + n + 1) % SIZE);
  }
  if (isTable) describe(actor, areaOf(device, queue) + head * DESC_BYTES, table, parts.length * DESC_BYTES, DESC_F_INDIRECT, 0);
  device.next[queue] = (head + (isTable ? 1 : parts.length)) % SIZE;
  push(actor, device, queue, head);
};

const kick = (guest: Guest, slot: number, queue: number): void => store(guest, slot, register.VIRTIO_QUEUE_NOTIFY, queue);

// --- what each type is asked

const fillRoom = (actor: Actor, slot: number, device: Device, queue: number): void => {
  const { guest, random } = actor;
  for (let n = random(4); n >= 0; n--) {
    const ipa = bufferOf(device, queue, device.next[queue]!);
    offer(actor, device, queue, [{ ipa, bytes: oneOf(random, [16, 100, 600, 2048]), isWritten: true }]);
  }
  kick(guest, slot, queue);
};

const EVERYBODY = [255, 255, 255, 255, 255, 255];

const sendFrame = (actor: Actor, slot: number, device: Device): void => {
  const { guest, random, devices } = actor;
  const at = bufferOf(device, NET_TRANSMIT, device.next[NET_TRANSMIT]!);
  const kind = oneOf(random, frameKinds);
  const isLarge = kind.tcp !== 0 && once(random, 4);
  const bytes = isLarge ? 1500 + random(2500) : oneOf(random, [60, 60, 60, 300, 1500]);
  // Not from where it is, now and then.
  const from = device.mac === undefined || once(random, 16) ? oneOf(random, devices.macs) : device.mac;
  const start = frameStart(once(random, 4) ? EVERYBODY : oneOf(random, devices.macs), from, kind);
  if (isLarge || (kind.tcp !== 0 && once(random, 2))) {
    start.set([net.NET_HDR_F_NEEDS_CSUM, isLarge ? kind.gsoType : 0]);
    start.writeUInt16LE(isLarge ? oneOf(random, [500, 1400, random(2 ** 16)]) : 0, 4);
    start.writeUInt16LE(kind.tcp, 6);
    start.writeUInt16LE(once(random, 16) ? random(2 ** 16) : 16, 8);
  }
  for (let n = 0; n < start.length; n += 8) write(actor, at + n, 8, start.readBigUInt64LE(n));
  // Headers are copied by words: none of them shows another VM a value of this one's.
  for (let n = start.length; n < 192; n += 8) write(actor, at + n, 8, 0);
  const all = FRAME_AT + bytes;
  const cut = oneOf(random, [all, FRAME_AT, FRAME_AT + 14, 50]);
  const parts = [
    { ipa: at, bytes: cut, isWritten: false },
    { ipa: at + cut, bytes: all - cut, isWritten: false },
  ];
  offer(
    actor,
    device,
    NET_TRANSMIT,
    parts.filter((part) => part.bytes !== 0),
  );
  kick(guest, slot, NET_TRANSMIT);
};

const REQUESTS = [
  BLOCK_T_IN,
  BLOCK_T_IN,
  BLOCK_T_OUT,
  BLOCK_T_OUT,
  BLOCK_T_FLUSH,
  BLOCK_T_GET_ID,
  BLOCK_T_DISCARD,
  BLOCK_T_WRITE_ZEROES,
];

/** Bytes of a request's data. */
const dataOf = (type: number, random: Random): number => {
  switch (type) {
    case BLOCK_T_IN:
    case BLOCK_T_OUT:
      return SECTOR * (once(random, 32) ? random(100) : random(8));
    case BLOCK_T_GET_ID:
      return 20;
    case BLOCK_T_FLUSH:
      return 0;
    default:
      return 16;
  }
};

const request = (actor: Actor, slot: number, device: Device): void => {
  const { guest, random } = actor;
  const at = bufferOf(device, 0, device.next[0]!);
  const type = once(random, 32) ? random(2 ** 32) : oneOf(random, REQUESTS);
  const sector = once(random, 16) ? random(BEYOND) : random(64);
  write(actor, at, 8, type);
  write(actor, at + 8, 8, sector);
  write(actor, at + DATA, 8, sector);
  write(actor, at + DATA + 8, 8, BigInt(random(16)) | (BigInt(random(2)) << 32n));
  const parts = [
    { ipa: at, bytes: block.BLOCK_HEADER, isWritten: false },
    { ipa: at + DATA, bytes: dataOf(type, random), isWritten: type === BLOCK_T_IN || type === BLOCK_T_GET_ID },
    { ipa: at + block.BLOCK_HEADER, bytes: 1, isWritten: true },
  ];
  offer(
    actor,
    device,
    0,
    parts.filter((part) => part.bytes !== 0),
  );
  kick(guest, slot, 0);
};

const EVENTS = [
  console.CONSOLE_DEVICE_READY,
  console.CONSOLE_PORT_READY,
  console.CONSOLE_PORT_OPEN,
  console.CONSOLE_PORT_OPEN,
  console.CONSOLE_PORT_OPEN,
];

/** A message about one of its ports, bytes for the other end, or room for what comes. */
const talk = (actor: Actor, slot: number, device: Device): void => {
  const { guest, random } = actor;
  const queue = random(device.queues);
  if (queue % 2 === 0) {
    fillRoom(actor, slot, device, queue);
    return;
  }
  const ipa = bufferOf(device, queue, device.next[queue]!);
  const isMessage = queue === console.CONSOLE_CONTROL_TRANSMIT;
  const [port, event] = [random(device.queues / 2), once(random, 16) ? random(9) : oneOf(random, EVENTS)];
  write(actor, ipa, 8, isMessage ? BigInt(port) | (BigInt(event) << 32n) | (once(random, 4) ? 0n : 1n << 48n) : 0n);
  const bytes = isMessage ? 8 : oneOf(random, [1, 20, 300, 4096]);
  // None of them shows another VM a value of this one's.
  for (let n = 8; n < bytes; n += 8) write(actor, ipa + n, 8, 0n);
  offer(actor, device, queue, [{ ipa, bytes, isWritten: false }]);
  kick(guest, slot, queue);
};

const work = (actor: Actor, slot: number, device: Device): void => {
  if (device.type === virtioDevices.VIRTIO_BLOCK) request(actor, slot, device);
  else if (device.type === virtioDevices.VIRTIO_CONSOLE) talk(actor, slot, device);
  else if (device.type !== virtioDevices.VIRTIO_NET) fillRoom(actor, slot, device, 0);
  else if (once(actor.random, 2)) fillRoom(actor, slot, device, NET_RECEIVE);
  else sendFrame(actor, slot, device);
};

// --- what no driver should do

const wrong = (actor: Actor, slot: number, device: Device): void => {
  const { guest, random } = actor;
  const queue = random(device.queues);
  const area = areaOf(device, queue);
  switch (random(5)) {
    case 0:
      // Any descriptor, anywhere.
      describe(
        actor,
        area + random(SIZE) * DESC_BYTES,
        once(random, 4) ? random(2 ** 32) : areaOf(device, 0) + random(device.queues * QUEUE_BYTES),
        once(random, 4) ? random(2 ** 32) : random(0x2000),
        random(8),
        random(SIZE + 1),
      );
      push(actor, device, queue, random(SIZE + 1));
      break;
    case 1:
      // An index that jumps.
      device.offered[queue] = random(2 ** 16);
      push(actor, device, queue, random(SIZE));
      break;
    case 2:
      // A ring of noise; flags that ask for no interrupts, or event indices that mean something else.
      write(actor, area + 2 * random(0x600), 2, random(2 ** 16));
      break;
    default:
      // Any register of any device.
      store(guest, random(8), 4 * random(0x50), once(random, 2) ? random(4) : random(2 ** 32));
      return;
  }
  kick(guest, slot, queue);
};

/** Something with a virtio device. */
export const virtio: Action = (actor) => {
  const { guest, random, devices } = actor;
  devices.block = undefined;
  const slot = random(Math.max(1, devices.all.length));
  const device = devices.all[slot];
  if (device === undefined) return;
  if (!device.isUp) bringUp(actor, slot, device);
  else if (once(random, RESET)) {
    // What is under way is nobody's any more.
    device.isUp = false;
    store(guest, slot, register.VIRTIO_STATUS, 0);
  } else if (once(random, WRONG)) {
    device.isUp = once(random, 4);
    wrong(actor, slot, device);
  } else if (once(random, 10)) store(guest, slot, register.VIRTIO_INTERRUPT_ACK, 3);
  else if (once(random, 20)) {
    const offset = once(random, 2) ? register.VIRTIO_CONFIG + 4 * random(16) : oneOf(random, Object.values(register));
    guest.load(guestMachine.VIRTIO_BASE + slot * guestMachine.VIRTIO_STRIDE + (offset & 0x1fc), { bytes: 4, rt: 6 });
  } else work(actor, slot, device);
};

/** A VM that begins anew has devices that nobody has brought up. */
export const forgetDevices = ({ devices }: Actor): void => {
  for (const device of devices.all) device.isUp = false;
};
