// What the bytes of a fuzzer's input mean, for the two that read them: the native harness (events.c, by way of header.ts) and the simulator (replay.ts).
//
// Target `exits`: events of 16 bytes, what is left over at the end is not read. Every value of every byte means something.
//
//   byte 0   1    2   3   4 ... 7   8 ... 15
//  | kind | CPU | a | b |   c     |    d     |   little-endian; the kind modulo their number, the CPU modulo the board's
//
// Target `fdt`: the board's device tree. Target `bundle`: the start of the bundle, where its manifest is; payloads lie behind it.

import { calls } from "../abi/calls.ts";
import { guest } from "../abi/guest.ts";
import { idRegisters, trappedRegisters } from "../abi/sysregs.ts";
import { FRAME_AT, frameKinds, frameStart } from "../sim/virtio/frames.ts";

export const targets = ["exits", "fdt", "bundle"] as const;
export type Target = (typeof targets)[number];

export const EVENT_BYTES = 16;

/** What a guest, or the board, does. Where the CPU runs no guest, the guest's events do nothing. */
export const kinds = [
  /** A synchronous exception with the syndrome c, FAR_EL2 and HPFAR_EL2 of the address d; none for vector registers that are not trapped. */
  "SYNC",
  /** HVC, or SMC with bit 0 of b: function a of `calls`, c itself if a is 255; x1 is d (its lowest 3 bits with bit 1 of b), x2 c, x3 the upper half of d. Bit 2 of b: junk above x0's 32 bits. */
  "CALL",
  /** MRS (bit 0 of b), or MSR of the value d, with register b >> 1: a of `registers`, the ISS c if a is 255. */
  "REGISTER",
  /** A load, or a store of d with bit 2 of b: at c in region a of `regions`, at the IPA d if a is 255; of 1 << (b & 3) bytes. Bits 3 to 7 of b: sign-extending, into an X, no valid syndrome, XZR, aligned. */
  "ACCESS",
  /** x[a] is d; for a = 31 the PC; for a = 32 PSTATE, mode b of `modes`, flags of d. */
  "GENERAL",
  /** WFI (b & 1 = 0) or WFE; condition and so on as in c. */
  "WAIT",
  /** The CPU interface: a modulo 4 is opening it, acknowledging, ending what was acknowledged last, ending c. */
  "INTERFACE",
  /** d modulo 2^26 counts of the counter pass: up to a second. */
  "TIME",
  /** An SError with the ISS c. */
  "SERROR",
  /** A register of EL1, a modulo their number in el1Context, is d. */
  "CONTEXT",
  /** The byte a is typed on the board's UART. */
  "TYPED",
  /** A vector register is used. */
  "VECTORS",
  /** Virtio device a of the VM is reset and brought up, each of its queues at its place (`rings`), empty: of the features that it offers, those of d; d itself with bit 0 of b. Bit 1: not up to DRIVER_OK. */
  "DRIVE",
  /** Descriptor b of ring a is written, or of the table at ring a's data with bit 63 of d: c bytes at d (bits 0-39; an offset in RAM with bit 62), its flags in bits 40-42, its next one in 48-55. */
  "DESCRIBE",
  /** Chain b of ring a is offered, the index goes on by 1 + (c >> 16), and there is a kick with bit 0 of c. */
  "OFFER",
  /** 1 + (b & 63) buffers of c bytes each are offered in ring a, for the device to write, and there is a kick. */
  "ROOM",
  /** A request in ring a: a header of two words, the low byte of c and the low half of d; c >> 8 bytes of data; a status. Bits of b: the device writes the data; it is a table; no kick; no status; data in two pieces; flags. */
  "REQUEST",
  /** A frame (`frameAt` in driving.ts says how b describes it) of c & 0xffff bytes in ring a, in pieces as bits 16-17 of c say; d is the start of its header, c >> 24 its csum_offset. Bit 18 of c: no kick. */
  "FRAME",
  /** A device of the board acts: bits of a as in `boardActs`. */
  "BOARD",
] as const;
export type Kind = (typeof kinds)[number];

/** Modes that a guest can be in: EL0t, EL1t, EL1h, and AArch32 at EL0, A32 and T32. */
export const modes = [0x0, 0x4, 0x5, 0x10, 0x30];
/** Bits of PSTATE that are the guest's own: flags, IT, masks. */
export const PSTATE_FREE = 0xf600_ffc0;

/** Of the window, from its base on: more than all records of devices take. */
export const RECORDS_BYTES = 0x6_0000;
/** Junk above the 32 bits of a function identifier. */
export const JUNK = 0xdead_beefn << 32n;
/** The most counts that pass at once: a power of two. */
export const TIME_MAX = 2 ** 26;

/**
 * Where the rings of a guest's queues lie, one behind the other, eight of each of eight devices; ring number a of an event is queue a >> 3 of device a & 7. The
 * buffers of a chain lie by its head; a device's address ends with the numbers of its VM and of its switch.
 */
export const rings = {
  AT: guest.RAM_BASE + 0x10_0000,
  BYTES: 0x1000,
  ENTRIES: 64,
  DRIVER: 0x400,
  DEVICE: 0x800,
  DATA: guest.RAM_BASE + 0x14_0000,
  DATA_BYTES: 0x2000,
  /** In the buffer of a frame, behind its header; and where such a buffer is cut. */
  FRAME_AT,
  CUTS: [[], [12], [26], [12, 50]] as readonly (readonly number[])[],
};

/** The address of a VM's device on a switch, 0 or 1. */
export const macAt = (vm: number, on: number): string => `02:00:00:00:0${on}:0${vm}`;

/**
 * The start of the buffer of a frame, its header zero. Bits of `how`, from 0: to which VM, 3 is all (2 bits); from which, 3 is outside (2 bits); its kind (2 bits); the
 * receiver's, and the sender's, address is that on the second switch.
 */
export const frameAt = (how: number): Buffer => {
  const [to, from] = [how & 3, (how >> 2) & 3];
  const address = (vm: number, on: number): number[] => [2, 0, 0, 0, on, vm];
  const everybody = [255, 255, 255, 255, 255, 255];
  return frameStart(
    to === 3 ? everybody : address(to, (how >> 6) & 1),
    address(from, (how >> 7) & 1),
    frameKinds[(how >> 4) & 3]!,
  );
};

/**
 * What the board's devices do. The disk ends the request number b of those that it has, with status c & 0xff, and fills what it reads with the lowest byte of d. The
 * network device lets a frame in, which b describes, of c & 0xffff bytes; or is done with all that it has to send. Either gives something back that it
 * was never given: head c in queue b, and the bytes d. The console device brings c & 0xffff bytes, all of them the lowest of d; is done with what it has to send; lies likewise.
 */
export const boardActs = ["DISK", "COMES", "SENT", "DISK_LIES", "NET_LIES", "TYPED", "READ", "CONSOLE_LIES"] as const;

export const functionIds = calls.map(({ id }) => id);

const id = (crm: number, op2: number): readonly number[] => [3, 0, 0, crm, op2];
/** Encodings of registers (op0, op1, CRn, CRm, op2): those that the core knows, and some of each group that it refuses. */
export const registers: readonly (readonly number[])[] = [
  ...Object.values(trappedRegisters),
  ...idRegisters.map(({ crm, op2 }) => id(crm, op2)),
  id(0, 5),
  id(4, 7),
  // PMCR_EL0, SCTLR_EL1, TTBR0_EL1, OSLAR_EL1, DBGBVR0_EL1, DBGBCR5_EL1, MDCCSR_EL0, CNTV_CTL_EL0
  [3, 3, 9, 12, 0],
  [3, 0, 1, 0, 0],
  [3, 0, 2, 0, 0],
  [2, 0, 1, 0, 4],
  [2, 0, 0, 0, 4],
  [2, 0, 0, 5, 5],
  [2, 3, 0, 1, 0],
  [3, 3, 14, 3, 1],
  // DC ISW, DC CISW, an implementation-defined one, ZCR_EL1, HCR_EL2
  [1, 0, 7, 6, 2],
  [1, 0, 7, 14, 2],
  [3, 0, 15, 0, 0],
  [3, 0, 1, 2, 0],
  [3, 4, 1, 1, 0],
];

/** Regions of the guest machine: base, and a size, a power of two, that reaches beyond what is there. */
export const regions: readonly (readonly [base: number, size: number])[] = [
  [guest.GICD_BASE, 0x1_0000],
  [guest.GICR_BASE, 0x8_0000],
  [guest.UART_BASE, 0x2000],
  [guest.RTC_BASE, 0x2000],
  [guest.STOLEN_BASE, 0x2000],
  [guest.SHARED_BASE, 0x40_0000],
  [guest.VIRTIO_BASE, 0x1000],
  [guest.RAM_BASE, 0x200_0000],
];
