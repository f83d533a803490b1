// What a fuzzer starts with when its corpus is empty: every kind of event, every call, every register known to the core, every register of every device at
// every width, lives of VMs, and what every virtio device does; device trees and bundles as they should be.

import { gicd, gicr } from "../abi/gic.ts";
import { guest } from "../abi/guest.ts";
import { pl011 } from "../abi/pl011.ts";
import { pl031 } from "../abi/pl031.ts";
import { virtioBlock as block, virtioConsole as console, virtioNet as net, virtioMmio } from "../abi/virtio.ts";
import { boardTree } from "../sim/board.ts";
import { DEFAULT_BANKS } from "../sim/machine.ts";
import { BUNDLE_AT } from "../sim/start.ts";
import { boardActs, functionIds, kinds, regions, registers, type Target } from "./format.ts";
import { callNumber, event } from "./replay.ts";
import { bundleSeed, manifestSize, tree } from "./system.ts";

const region = (base: number): number => regions.findIndex(([start]) => start === base);
const offsetsOf = (base: number, names: Record<string, number | bigint>, prefix: RegExp): [number, number][] =>
  Object.entries(names).flatMap(([name, offset]) =>
    prefix.test(name) && offset < 0x8000 ? [[region(base), Number(offset)] as [number, number]] : [],
  );

/** Registers of the virtual devices, as (region, offset). */
const deviceRegisters: readonly (readonly [number, number])[] = [
  ...offsetsOf(guest.GICD_BASE, gicd, /^GICD_[A-Z0-9]+$/),
  ...offsetsOf(guest.GICR_BASE, gicr, /^GICR_(CTLR|IIDR|TYPER|STATUSR|WAKER)$/),
  ...offsetsOf(guest.GICR_BASE, gicd, /^GICD_I[A-Z]+R$/).map(([where, offset]) => [where, offset + gicr.GICR_SGI_FRAME] as const),
  ...offsetsOf(guest.UART_BASE, pl011, /^UART_/),
  ...offsetsOf(guest.RTC_BASE, pl031, /^RTC_/),
];

const call = (name: string, d = 0n, cpu = 0): Buffer => event("CALL", { cpu, a: callNumber(name), d });
const second = event("TIME", { d: 60_000_000n });
const open = event("INTERFACE");

// --- virtio

const EVERYTHING = 0xffff_ffff_ffff_ffffn;
const drive = (slot: number, features = EVERYTHING, { cpu = 0, b = 0 } = {}): Buffer =>
  event("DRIVE", { cpu, a: slot, b, d: features });
const ring = (slot: number, queue = 0): number => slot | (queue << 3);
const room = (a: number, count: number, c: number, cpu = 0): Buffer => event("ROOM", { cpu, a, b: count - 1, c });
const done = event("BOARD", { a: boardActs.indexOf("DISK") });

/** A request of a disk: `sectors` from sector 1 on. */
const request = (slot: number, type: number, sectors: number, { cpu = 0, b = 0, low = 1n, count = 1n } = {}): Buffer =>
  event("REQUEST", { cpu, a: ring(slot), b, c: type | (sectors << 17), d: low | (count << 32n) });
const WRITTEN = 1;
const requestsOf = (slot: number, cpu: number): Buffer =>
  Buffer.concat([
    request(slot, block.BLOCK_T_OUT, 9, { cpu }),
    request(slot, block.BLOCK_T_IN, 9, { cpu, b: WRITTEN | 2 }),
    request(slot, block.BLOCK_T_FLUSH, 0, { cpu }),
    event("REQUEST", { cpu, a: ring(slot), b: WRITTEN, c: block.BLOCK_T_GET_ID | (20 << 8) }),
    event("REQUEST", { cpu, a: ring(slot), c: block.BLOCK_T_DISCARD | (16 << 8), d: (8n << 32n) | 8n }),
    event("REQUEST", { cpu, a: ring(slot), b: 0x20, c: block.BLOCK_T_WRITE_ZEROES | (16 << 8), d: (3n << 32n) | 1n }),
    request(slot, block.BLOCK_T_IN, 1, { cpu, b: WRITTEN, low: 0x1000n }),
    request(slot, block.BLOCK_T_OUT, 100, { cpu, b: 16 }),
  ]);

/** How a frame is (frameAt): from VM 0 to VM 1 on the same switch; from VM 1 to one outside; to all; and its kinds. */
const [TO_ONE, TO_OUTSIDE, TO_ALL] = [1, 2 | (1 << 2) | (3 << 6), 3];
const [PLAIN, IPV4, IPV6, TAGGED] = [0, 0x10, 0x20, 0x30];
const frame = (slot: number, how: number, bytes: number, { cpu = 0, header = 0n, cuts = 0 } = {}): Buffer =>
  event("FRAME", { cpu, a: ring(slot, net.NET_TRANSMIT), b: how, c: bytes | (cuts << 16) | (16 << 24), d: header });
/** The header of a frame whose checksum is missing, and that is large if there is a size of its segments. */
const offload = (tcp: number, gsoType = 0, gsoSize = 0): bigint =>
  BigInt(net.NET_HDR_F_NEEDS_CSUM) | (BigInt(gsoType) << 8n) | (BigInt(gsoSize) << 32n) | (BigInt(tcp) << 48n);
const large = (how: number, tcp: number, type: number, to = TO_ONE): Buffer =>
  frame(0, to | how, 8000, { header: offload(tcp, type, 1400), cuts: 3 });
const comes = (how: number, bytes: number): Buffer => event("BOARD", { a: boardActs.indexOf("COMES"), b: how, c: bytes });
const sent = event("BOARD", { a: boardActs.indexOf("SENT") });
/** VM 1 listens on the first switch, with or without what spares it work. */
const listening = (features: bigint, bytes: number): Buffer =>
  Buffer.concat([drive(0, features, { cpu: 1 }), room(ring(0), 40, bytes, 1)]);

/** Of the console in slot 4: a message about a port, bytes that a port sends, and what the board's console device does. */
const message = (cpu: number, id: number, what: number, value = 1): Buffer =>
  event("FRAME", {
    cpu,
    a: ring(4, console.CONSOLE_CONTROL_TRANSMIT),
    d: BigInt(id) | (BigInt(what) << 32n) | (BigInt(value) << 48n),
  });
const talk = (cpu: number, port: number, bytes: number): Buffer =>
  event("FRAME", { cpu, a: ring(4, port === 0 ? console.CONSOLE_TRANSMIT : 2 * port + 3), c: bytes });
const typed = (bytes: number): Buffer => event("BOARD", { a: boardActs.indexOf("TYPED"), c: bytes, d: 65n });
const heard = event("BOARD", { a: boardActs.indexOf("READ") });
/** Room for messages; and so many ports are made and opened. */
const ports = (cpu: number, count: number): Buffer =>
  Buffer.concat([
    room(ring(4, console.CONSOLE_CONTROL_RECEIVE), 40, 64, cpu),
    message(cpu, 0, console.CONSOLE_DEVICE_READY),
    ...Array.from({ length: count }, (_, id) => [
      message(cpu, id, console.CONSOLE_PORT_READY),
      message(cpu, id, console.CONSOLE_PORT_OPEN),
    ]).flat(),
  ]);

const virtio = (): Buffer[] => [
  // Each register of each device, at each width.
  ...Object.entries(virtioMmio).flatMap(([name, offset]) =>
    offset >= 0x200 || /LEGACY|MODERN/.test(name)
      ? []
      : [
          Buffer.concat(
            [0, 1, 2].flatMap((width) =>
              [0, 1, 3, 4].flatMap((slot) => [
                event("ACCESS", { a: region(guest.VIRTIO_BASE), b: width, c: 0x200 * slot + offset }),
                event("ACCESS", { a: region(guest.VIRTIO_BASE), b: width | 4, c: 0x200 * slot + offset, d: 1n }),
              ]),
            ),
          ),
        ],
  ),
  // Entropy; and with interrupts.
  Buffer.concat([drive(3), room(ring(3), 3, 24), room(ring(3), 1, 4000)]),
  Buffer.concat([drive(3, 0n), open, room(ring(3), 1, 24), event("INTERFACE", { a: 1 }), event("INTERFACE", { a: 2 })]),
  // Disks: a copy in RAM, a slice of the board's, whose requests the board ends, well or not; one that is only read.
  Buffer.concat([drive(1), requestsOf(1, 0)]),
  Buffer.concat([drive(2), requestsOf(2, 0), done, done, event("BOARD", { c: 1 }), done, done, done]),
  Buffer.concat([
    drive(2, 0n),
    request(2, block.BLOCK_T_OUT, 200),
    done,
    done,
    done,
    drive(2),
    done,
    request(2, block.BLOCK_T_FLUSH, 0),
  ]),
  Buffer.concat([drive(3, EVERYTHING, { cpu: 1 }), requestsOf(3, 1)]),
  Buffer.concat([
    drive(2),
    drive(2, EVERYTHING, { cpu: 1 }),
    ...Array.from({ length: 5 }, () => [request(2, 0, 80, { b: WRITTEN }), request(2, 1, 80, { cpu: 1 }), done]).flat(),
  ]),
  // Frames between VMs: plain, in pieces, to all; what is left to the receiver, or done for it.
  Buffer.concat([drive(0), listening(EVERYTHING, 1600), frame(0, TO_ONE, 1000), frame(0, TO_ALL, 60, { cuts: 1 })]),
  Buffer.concat([drive(0), listening(EVERYTHING, 100), frame(0, TO_ONE, 1000, { cuts: 2 })]),
  ...(
    [
      [IPV4, 34, net.NET_GSO_TCPV4],
      [IPV6, 54, net.NET_GSO_TCPV6],
      [TAGGED, 38, net.NET_GSO_TCPV4],
    ] as const
  ).flatMap(([how, tcp, type]) =>
    [EVERYTHING, 0n].map((features) =>
      Buffer.concat([
        drive(0),
        listening(features, 2000),
        frame(0, TO_ONE | how, 500, { header: offload(tcp) }),
        large(how, tcp, type),
        large(how, tcp, type, TO_ALL),
      ]),
    ),
  ),
  // To and from outside, by VM 1's second device.
  Buffer.concat([
    drive(1, EVERYTHING, { cpu: 1 }),
    room(ring(1), 8, 2000, 1),
    frame(1, TO_OUTSIDE, 1000, { cpu: 1 }),
    frame(1, TO_OUTSIDE | IPV4, 4000, { cpu: 1, header: offload(34, net.NET_GSO_TCPV4, 1400) }),
    comes(TO_ONE | (3 << 2) | (1 << 6), 700),
    comes(TO_ALL | (3 << 2), 60),
    comes(PLAIN, 3),
    sent,
    frame(1, TO_OUTSIDE, 100, { cpu: 1 }),
  ]),
  // Consoles: ports that are made and opened, bytes both ways by a pipe, to the board and from there, by the VM's own console; ends that close while something waits.
  Buffer.concat([drive(4), ports(0, 3), talk(0, 0, 300), room(ring(4, 0), 4, 20), event("TYPED", { a: 65 })]),
  Buffer.concat([drive(4, 0n), room(ring(4, 0), 4, 20), talk(0, 0, 30), event("TYPED", { a: 65 })]),
  Buffer.concat([
    ...[0, 1].flatMap((cpu) => [drive(4, EVERYTHING, { cpu }), ports(cpu, 3), room(ring(4, 4), 8, 100, cpu)]),
    talk(0, 1, 2000),
    talk(1, 1, 50),
    room(ring(4, 4), 20, 1000, 1),
    talk(0, 1, 60_000),
    message(1, 1, console.CONSOLE_PORT_OPEN, 0),
    message(1, 1, console.CONSOLE_PORT_OPEN),
    talk(0, 1, 5000),
    drive(4, EVERYTHING, { cpu: 1 }),
    call("HL_VM_RESET", 1n),
    second,
    talk(0, 1, 10),
  ]),
  Buffer.concat([
    drive(4),
    ports(0, 3),
    ...[30_000, 30_000].map((bytes) => talk(0, 2, bytes)),
    heard,
    room(ring(4, 6), 8, 500),
    ...[10, 2048, 0, 4000].map((bytes) => typed(bytes)),
    message(0, 2, console.CONSOLE_PORT_OPEN, 0),
    ...Array.from({ length: 10 }, () => typed(9)),
    message(0, 2, console.CONSOLE_PORT_OPEN),
    room(ring(4, 6), 8, 3),
  ]),
  ...Array.from({ length: 9 }, (_, what) =>
    Buffer.concat([drive(4), ports(0, 3), message(0, 1, what, 1), message(0, 9, what, 2)]),
  ),
  // The third VM, beside the first one: it may send little at once, and its disk is the end of the board's.
  Buffer.concat([
    event("WAIT", { cpu: 1 }),
    drive(0),
    room(ring(0), 8, 2000),
    drive(0, EVERYTHING, { cpu: 1 }),
    ...[60, 1500, 60_000].map((bytes) => frame(0, (2 << 2) | PLAIN, bytes, { cpu: 1 })),
    drive(2, EVERYTHING, { cpu: 1 }),
    requestsOf(2, 1),
    done,
    done,
  ]),
  ...boardActs.map((_, a) => Buffer.concat([drive(2), request(2, 0, 8), event("BOARD", { a, b: 1, c: 3, d: 64n }), done, sent])),
  // What breaks a device: a loop, a table in a table, a jump, a buffer that is not RAM, features that nobody offered; a kick too early; a reset in flight.
  ...[1, 3].flatMap((slot) =>
    [
      event("DESCRIBE", { a: slot, c: 16, d: (1n << 62n) | (1n << 40n) }),
      event("DESCRIBE", { a: slot, c: 16, d: (1n << 62n) | (4n << 40n) | 0x14_0000n }),
      event("DESCRIBE", { a: slot, c: 16, d: BigInt(guest.GICD_BASE) }),
    ].map((wrong) => Buffer.concat([drive(slot), wrong, event("OFFER", { a: slot, c: 1 })])),
  ),
  Buffer.concat([drive(1), event("OFFER", { a: 1, c: 0x7fff_0001 })]),
  Buffer.concat([drive(1, EVERYTHING, { b: 1 }), drive(1, EVERYTHING, { b: 2 }), request(1, 0, 1)]),
  Buffer.concat([drive(2), request(2, 1, 64), event("ACCESS", { a: region(guest.VIRTIO_BASE), b: 6, c: 0x470 }), done, drive(2)]),
  Buffer.concat([drive(2), request(2, 1, 64), call("HL_VM_RESET", 0n), second, done, drive(2), request(2, 0, 1, { b: 1 }), done]),
];

const exits = (): Buffer[] => [
  ...virtio(),
  ...kinds.map((kind) => event(kind)),
  ...functionIds.map((_, a) => Buffer.concat([event("CALL", { a, d: 1n }), event("CALL", { cpu: 1, a, b: 1, d: 1n })])),
  ...registers.map((_, a) => Buffer.concat([event("REGISTER", { a, b: 0x0b }), event("REGISTER", { a, b: 0x0a, d: 1n })])),
  ...deviceRegisters.map(([a, c]) =>
    Buffer.concat(
      [0, 1, 2, 3].flatMap((width) => [event("ACCESS", { a, b: width, c }), event("ACCESS", { a, b: width | 4, c, d: ~0n })]),
    ),
  ),
  ...Array.from({ length: 64 }, (_, n) => event("SYNC", { c: ((n << 26) | 0x200_0000) >>> 0, d: 0x900_0000n })),
  Buffer.concat([call("HL_VM_PAUSE", 1n), second, call("HL_VM_RESUME", 1n), second, call("HL_VM_RESET", 1n), second]),
  Buffer.concat([
    call("HL_VM_STOP", 2n),
    second,
    call("HL_VM_DESTROY", 2n),
    second,
    call("HL_VM_CREATE", 2n),
    call("HL_VM_START", 2n),
    second,
  ]),
  Buffer.concat([call("PSCI_CPU_ON_64", 1n), second, call("PSCI_CPU_OFF", 0n, 1), second]),
  // A timer's interrupt from its arming to its end.
  Buffer.concat([
    open,
    event("ACCESS", { a: region(guest.GICD_BASE), b: 6, c: gicd.GICD_CTLR, d: 3n }),
    event("ACCESS", { a: region(guest.GICR_BASE), b: 6, c: gicr.GICR_WAKER }),
    event("ACCESS", { a: region(guest.GICR_BASE), b: 6, c: gicr.GICR_SGI_FRAME + gicd.GICD_IGROUPR, d: 0xffff_ffffn }),
    event("ACCESS", { a: region(guest.GICR_BASE), b: 6, c: gicr.GICR_SGI_FRAME + gicd.GICD_ISENABLER, d: 0xffff_ffffn }),
    event("CONTEXT", { a: 24, d: 1000n }),
    event("CONTEXT", { a: 23, d: 1n }),
    event("WAIT"),
    second,
    event("INTERFACE", { a: 1 }),
    event("INTERFACE", { a: 2 }),
  ]),
];

export const seedsOf = (target: Target): Buffer[] => {
  const bundle = bundleSeed();
  if (target === "exits") return exits();
  if (target === "bundle") return [bundle.subarray(0, manifestSize(bundle))];
  const initrd = { start: BUNDLE_AT, end: BUNDLE_AT + bundle.length };
  return [tree(bundle.length), boardTree({ banks: DEFAULT_BANKS, initrd, cpus: 1, clock: false, seedBytes: 64 })];
};
