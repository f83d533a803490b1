// A guest's GICv3 (Arm IHI 0069): distributor, each CPU's redistributor, and the CPU interface.

import {
  GICD_CTLR,
  GICD_CTLR_ARE_NS,
  GICD_CTLR_ENABLE_G1,
  GICD_CTLR_RWP,
  GICD_ICACTIVER,
  GICD_ICENABLER,
  GICD_ICFGR,
  GICD_ICPENDR,
  GICD_IGROUPR,
  GICD_IPRIORITYR,
  GICD_IROUTER,
  GICD_ISACTIVER,
  GICD_ISENABLER,
  GICD_ISPENDR,
  GICR_CTLR,
  GICR_CTLR_RWP,
  GICR_SGI_FRAME,
  GICR_WAKER,
  GICR_WAKER_CHILDREN_ASLEEP,
  GICR_WAKER_PROCESSOR_SLEEP,
} from "../../build/gen/gic";
import { GICD_BASE, GICR_BASE, GICR_STRIDE, INTIDS } from "../../build/gen/guest";
import * as sysreg from "../../build/guests/lib/sysreg";
import * as access from "./hal/access";
import * as cpu from "./hal/cpu";

/** Of every interrupt that is let through. */
export const PRIORITY: u32 = 0xa0;

/** This CPU's redistributor, and its frame of private interrupts. */
function redistributor(): u64 {
  return (GICR_BASE as u64) + (cpu.number() as u64) * GICR_STRIDE;
}
function privateFrame(): u64 {
  return redistributor() + GICR_SGI_FRAME;
}

/** Distributor and this CPU up, its private interrupts in group 1 and off. Interrupts stay masked at the CPU. */
export function init(): void {
  access.write32(GICD_BASE + GICD_CTLR, GICD_CTLR_ARE_NS | GICD_CTLR_ENABLE_G1);
  while ((access.read32(GICD_BASE + GICD_CTLR) & GICD_CTLR_RWP) != 0) {}
  initCpu();
}

/** This CPU's part, behind another's `init`. */
export function initCpu(): void {
  const frames = redistributor();
  access.write32(frames + GICR_WAKER, access.read32(frames + GICR_WAKER) & ~GICR_WAKER_PROCESSOR_SLEEP);
  while ((access.read32(frames + GICR_WAKER) & GICR_WAKER_CHILDREN_ASLEEP) != 0) {}
  access.write32(frames + GICR_SGI_FRAME + GICD_ICENABLER, 0xffffffff);
  while ((access.read32(frames + GICR_CTLR) & GICR_CTLR_RWP) != 0) {}
  access.write32(frames + GICR_SGI_FRAME + GICD_IGROUPR, 0xffffffff);
  sysreg.writeIccSreEl1(1);
  cpu.isb();
  sysreg.writeIccPmrEl1(0xff);
  sysreg.writeIccBpr1El1(0);
  sysreg.writeIccIgrpen1El1(1);
  cpu.isb();
}

/** Takes back what was written anywhere: nothing enabled, pending or active, whoever uses an interrupt sets the rest. */
export function reset(): void {
  access.write32(GICD_BASE + GICD_CTLR, 0);
  for (let word: u32 = 0; word < INTIDS / 32; word++) {
    const frame = word == 0 ? privateFrame() : (GICD_BASE as u64) + word * 4;
    access.write32(frame + GICD_ICENABLER, 0xffffffff);
    access.write32(frame + GICD_ICPENDR, 0xffffffff);
    access.write32(frame + GICD_ICACTIVER, 0xffffffff);
  }
}

/** Lets an SGI or PPI through to this CPU. */
export function enable(intid: u32): void {
  access.write8(privateFrame() + GICD_IPRIORITYR + intid, PRIORITY);
  access.write32(privateFrame() + GICD_ISENABLER, (1 as u32) << intid);
}

export function disable(intid: u32): void {
  access.write32(privateFrame() + GICD_ICENABLER, (1 as u32) << intid);
}

/** An SGI or PPI of this CPU is not pending any more, unless its line still asks for it. */
export function clear(intid: u32): void {
  access.write32(privateFrame() + GICD_ICPENDR, (1 as u32) << intid);
}

/** Where an SPI's bit stands in a bitmap of the distributor, and the bit. */
function wordOf(bitmap: u32, intid: u32): u64 {
  return (GICD_BASE as u64) + bitmap + ((intid >> 5) << 2);
}
function bitOf(intid: u32): u32 {
  return (1 as u32) << (intid & 31);
}

/** GICD_IROUTER: whichever CPU is ready (12.9.22). */
export const ANY: u64 = (1 as u64) << 31;

/** Sets an SPI up: group 1, edge-triggered or by level, to the CPU of this affinity (or ANY), let through. */
export function enableShared(intid: u32, edge: bool, affinity: u64): void {
  const group = wordOf(GICD_IGROUPR, intid);
  access.write32(group, access.read32(group) | bitOf(intid));
  const config = (GICD_BASE as u64) + GICD_ICFGR + ((intid >> 4) << 2);
  const edgeBit = (2 as u32) << ((intid & 15) << 1);
  access.write32(config, edge ? access.read32(config) | edgeBit : access.read32(config) & ~edgeBit);
  access.write8(GICD_BASE + GICD_IPRIORITYR + intid, PRIORITY);
  route(intid, affinity);
  access.write32(wordOf(GICD_ISENABLER, intid), bitOf(intid));
}

/** Where an SPI goes: the CPU of this affinity, or ANY. */
export function route(intid: u32, affinity: u64): void {
  access.write64((GICD_BASE as u64) + GICD_IROUTER + intid * 8, affinity);
}

/** The distributor's bitmaps for one SPI: written, they set or clear; read, they tell. */
export function letShared(intid: u32, through: bool): void {
  access.write32(wordOf(through ? GICD_ISENABLER : GICD_ICENABLER, intid), bitOf(intid));
}
export function setPending(intid: u32, pending: bool): void {
  access.write32(wordOf(pending ? GICD_ISPENDR : GICD_ICPENDR, intid), bitOf(intid));
}
export function setActive(intid: u32, active: bool): void {
  access.write32(wordOf(active ? GICD_ISACTIVER : GICD_ICACTIVER, intid), bitOf(intid));
}
export function isPending(intid: u32): bool {
  return (access.read32(wordOf(GICD_ISPENDR, intid)) & bitOf(intid)) != 0;
}
export function isActive(intid: u32): bool {
  return (access.read32(wordOf(GICD_ISACTIVER, intid)) & bitOf(intid)) != 0;
}

/** The most urgent pending interrupt, which becomes active; 1020 and above: none. */
export function acknowledge(): u32 {
  return sysreg.readIccIar1El1() as u32;
}

/** Ends an active interrupt. */
export function end(intid: u32): void {
  sysreg.writeIccEoir1El1(intid);
}

/** Sends an SGI to CPUs 0 to 15, a bit each (ICC_SGI1R_EL1, 12.2.19). */
export function send(intid: u32, targets: u32): void {
  sysreg.writeIccSgi1rEl1(((intid as u64) << 24) | targets);
  cpu.isb();
}

/** Sends an SGI to all CPUs but this one. */
export function sendToOthers(intid: u32): void {
  sysreg.writeIccSgi1rEl1(((1 as u64) << 40) | ((intid as u64) << 24));
  cpu.isb();
}

export function sendToSelf(intid: u32): void {
  send(intid, (1 as u32) << cpu.number());
}
