// What a fuzzer starts with when its corpus is empty: every kind of event, every call, every register known to the core, every register of every device at
// every width, and lives of VMs; device trees and bundles as they should be.

import { gicd, gicr } from "../abi/gic.ts";
import { guest } from "../abi/guest.ts";
import { pl011 } from "../abi/pl011.ts";
import { pl031 } from "../abi/pl031.ts";
import { boardTree } from "../sim/board.ts";
import { DEFAULT_BANKS } from "../sim/machine.ts";
import { BUNDLE_AT } from "../sim/start.ts";
import { functionIds, kinds, regions, registers, type Target } from "./format.ts";
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

const exits = (): Buffer[] => [
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
