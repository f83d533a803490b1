// The board's interrupt controller: GICv3 (Arm IHI 0069), non-secure group 1, priority drop and deactivation apart (EOImode 1), so that an interrupt
// handed to a guest stays active until the guest has done with it.

import { ICC_CTLR_EOIMODE, ICC_SRE_ALL } from "../../build/gen/controls";
import {
  GICD_CTLR,
  GICD_CTLR_ARE_NS,
  GICD_CTLR_ENABLE_G1,
  GICD_CTLR_RWP,
  GICD_ICACTIVER,
  GICD_ICFGR,
  GICD_IGROUPR,
  GICD_IPRIORITYR,
  GICD_IROUTER,
  GICD_ISACTIVER,
  GICD_ISENABLER,
  GICD_ISPENDR,
  GICD_ICENABLER,
  GICD_TYPER,
  GICD_TYPER_LINES,
  GICR_CTLR,
  GICR_CTLR_RWP,
  GICR_SGI_FRAME,
  GICR_TYPER,
  GICR_TYPER_LAST,
  GICR_TYPER_VLPIS,
  GICR_WAKER,
  GICR_WAKER_CHILDREN_ASLEEP,
  GICR_WAKER_PROCESSOR_SLEEP,
} from "../../build/gen/gic";
import { GICR_STRIDE } from "../../build/gen/guest";
import { Pa } from "../hal/addr";
import * as barrier from "../hal/barrier";
import * as cpu from "../hal/cpu";
import * as mmio from "../hal/mmio";
import * as sysreg from "../hal/sysreg";

/** Priority of all that we take, but for what comes before it. */
const PRIORITY: u32 = 0xa0;
const URGENT: u32 = 0x80;
/** More redistributors than any board has: a bound for a table that may lack its end. */
const MAX_REDISTRIBUTORS: u32 = 512;
const AFFINITY: u64 = 0xff00ffffff;

const distributor: usize = memory.data(8, 8);
/** Where the redistributor of each CPU is. */
const redistributors: usize = memory.data(64, 8);

function gicd(offset: u32): Pa {
  return (load<u64>(distributor) + offset) as Pa;
}
/** A register of this CPU's redistributor. */
function gicr(offset: u32): Pa {
  return (load<u64>(redistributors + (cpu.number() << 3)) + offset) as Pa;
}

/** MPIDR's affinity packed as GICR_TYPER has it: Aff3 in bits 31-24. */
function packed(mpidr: u64): u32 {
  return ((mpidr & 0xffffff) | ((mpidr >> 8) & 0xff000000)) as u32;
}

/** The redistributor of this CPU in [pa, pa + bytes); 0 if there is none. */
export function findRedistributor(pa: Pa, bytes: u64): Pa {
  const self = packed(sysreg.readMpidrEl1());
  let at = pa as u64;
  for (let n: u32 = 0; n < MAX_REDISTRIBUTORS && at + GICR_STRIDE <= (pa as u64) + bytes; n++) {
    const typer = mmio.read64((at + GICR_TYPER) as Pa);
    if (((typer >> 32) as u32) == self) return at as Pa;
    if ((typer & GICR_TYPER_LAST) != 0) break;
    at += (typer & GICR_TYPER_VLPIS) != 0 ? GICR_STRIDE * 2 : GICR_STRIDE;
  }
  return 0 as Pa;
}

function waitShared(): void {
  while ((mmio.read32(gicd(GICD_CTLR)) & GICD_CTLR_RWP) != 0) cpu.relax();
}
function waitPrivate(): void {
  while ((mmio.read32(gicr(GICR_CTLR)) & GICR_CTLR_RWP) != 0) cpu.relax();
}

/** Turns the distributor on, with no SPI enabled or active, whatever firmware has left. */
export function initShared(dist: Pa): void {
  store<u64>(distributor, dist as u64);
  // ARE changes only while the groups are off, and never back to 0 (IHI 0069, 12.9.4).
  mmio.write32(gicd(GICD_CTLR), mmio.read32(gicd(GICD_CTLR)) & GICD_CTLR_ARE_NS);
  waitShared();
  mmio.write32(gicd(GICD_CTLR), GICD_CTLR_ARE_NS);
  waitShared();
  const lines = mmio.read32(gicd(GICD_TYPER)) & GICD_TYPER_LINES;
  for (let word: u32 = 1; word <= lines; word++) {
    mmio.write32(gicd(GICD_ICENABLER + (word << 2)), 0xffffffff);
    mmio.write32(gicd(GICD_ICACTIVER + (word << 2)), 0xffffffff);
  }
  waitShared();
  mmio.write32(gicd(GICD_CTLR), GICD_CTLR_ARE_NS | GICD_CTLR_ENABLE_G1);
  waitShared();
}

/** Brings up this CPU's redistributor and its CPU interface. All of its interrupts are off afterwards. */
export function initPrivate(redist: Pa): void {
  store<u64>(redistributors + (cpu.number() << 3), redist as u64);
  mmio.write32(gicr(GICR_WAKER), mmio.read32(gicr(GICR_WAKER)) & ~GICR_WAKER_PROCESSOR_SLEEP);
  while ((mmio.read32(gicr(GICR_WAKER)) & GICR_WAKER_CHILDREN_ASLEEP) != 0) cpu.relax();
  mmio.write32(gicr(GICR_SGI_FRAME + GICD_ICENABLER), 0xffffffff);
  waitPrivate();
  mmio.write32(gicr(GICR_SGI_FRAME + GICD_ICACTIVER), 0xffffffff);
  mmio.write32(gicr(GICR_SGI_FRAME + GICD_IGROUPR), 0xffffffff);
  for (let n: u32 = 0; n < 32; n += 4) mmio.write32(gicr(GICR_SGI_FRAME + GICD_IPRIORITYR + n), PRIORITY * 0x01010101);

  sysreg.writeIccSreEl2(ICC_SRE_ALL);
  barrier.isb();
  sysreg.writeIccPmrEl1(0xff);
  sysreg.writeIccBpr1El1(0);
  sysreg.writeIccCtlrEl1(ICC_CTLR_EOIMODE);
  // A priority that runs since before us would keep ours out.
  sysreg.writeIccAp1r0El1(0);
  sysreg.writeIccIgrpen1El1(1);
  barrier.isb();
}

/** Sends an SGI to the CPU with this affinity; stores before it are seen by then (IHI 0069, 12.2.20). */
export function sendSgi(mpidr: u64, intid: u32): void {
  const aff0 = mpidr & 0xff;
  const cluster = ((mpidr & 0xff00) << 8) | ((mpidr & 0xff0000) << 16) | ((mpidr & 0xff00000000) << 16);
  barrier.dsbIshst();
  sysreg.writeIccSgi1rEl1(cluster | ((aff0 >> 4) << 44) | ((intid as u64) << 24) | ((1 as u64) << (aff0 & 15)));
  barrier.isb();
}

/** Makes an interrupt of this CPU active, as if it had been acknowledged: it does not come until it is deactivated. */
export function activatePrivate(intid: u32): void {
  mmio.write32(gicr(GICR_SGI_FRAME + GICD_ISACTIVER), (1 as u32) << intid);
}

/** Lets an interrupt of this CPU (a PPI) through. */
export function enablePrivate(intid: u32): void {
  mmio.write32(gicr(GICR_SGI_FRAME + GICD_ISENABLER), (1 as u32) << intid);
}

/** Has an interrupt of this CPU (a PPI) acknowledged before all others that are pending. */
export function prefer(intid: u32): void {
  mmio.write8(gicr(GICR_SGI_FRAME + GICD_IPRIORITYR + intid), URGENT);
}

/** Lets a level-triggered SPI through, to this CPU. */
export function enableShared(intid: u32): void {
  const word = (intid >> 5) << 2;
  const bit = (1 as u32) << (intid & 31);
  mmio.write32(gicd(GICD_IGROUPR + word), mmio.read32(gicd(GICD_IGROUPR + word)) | bit);
  const field = (intid & 15) << 1;
  const config = gicd(GICD_ICFGR + ((intid >> 4) << 2));
  mmio.write32(config, mmio.read32(config) & ~((2 as u32) << field));
  mmio.write8(gicd(GICD_IPRIORITYR + intid), PRIORITY);
  mmio.write64(gicd(GICD_IROUTER + (intid << 3)), sysreg.readMpidrEl1() & AFFINITY);
  mmio.write32(gicd(GICD_ISENABLER + word), bit);
}

/** Has a shared interrupt come again, whatever its device says. */
export function pend(intid: u32): void {
  mmio.write32(gicd(GICD_ISPENDR + ((intid >> 5) << 2)), (1 as u32) << (intid & 31));
}

/** Lets an interrupt through no more. */
export function disable(intid: u32): void {
  const bit = (1 as u32) << (intid & 31);
  if (intid < 32) {
    mmio.write32(gicr(GICR_SGI_FRAME + GICD_ICENABLER), bit);
    waitPrivate();
  } else {
    mmio.write32(gicd(GICD_ICENABLER + ((intid >> 5) << 2)), bit);
    waitShared();
  }
}

/** The highest pending interrupt, which becomes active; 1020 and above: none. */
export function acknowledge(): u32 {
  const intid = sysreg.readIccIar1El1() as u32;
  // What the interrupt tells about is read after it (IHI 0069, 4.1.1).
  barrier.dsbSy();
  return intid & 0xffffff;
}

/** Lets interrupts of the same priority in again. */
export function dropPriority(intid: u32): void {
  sysreg.writeIccEoir1El1(intid);
}

/** The interrupt may come again. */
export function deactivate(intid: u32): void {
  sysreg.writeIccDirEl1(intid);
}
