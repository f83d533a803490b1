// Attacks on the virtual GIC: more interrupts than list registers, SGIs to everybody and nobody, the distributor's registers written at random.

import { FIRST_SPI, GICR_SGI_FRAME } from "../../build/gen/gic";
import { GICD_BASE, GICD_SIZE, GICR_BASE, GICR_STRIDE, INTIDS, VTIMER_INTID, PTIMER_INTID } from "../../build/gen/guest";
import * as sysreg from "../../build/guests/lib/sysreg";
import * as gic from "../lib/gic";
import * as access from "../lib/hal/access";
import * as cpu from "../lib/hal/cpu";
import * as seen from "./seen";
import * as stage from "./stage";

const SGIS: u32 = 16;
/** SPIs that have no source. */
const FREE_SPI: u32 = FIRST_SPI + 20;

/** What all attacks start from. */
export function ready(): void {
  gic.reset();
  gic.init();
  for (let sgi: u32 = 0; sgi < SGIS; sgi++) gic.enable(sgi);
  gic.enable(VTIMER_INTID);
  gic.enable(PTIMER_INTID);
}

/** What a further vCPU starts from. */
export function readyCpu(): void {
  gic.initCpu();
  for (let sgi: u32 = 0; sgi < SGIS; sgi++) gic.enable(sgi);
  gic.enable(VTIMER_INTID);
}

/** All 16 to oneself, interrupts let in: each comes at once, and once. Targets and filters that mean nothing: nobody gets one. */
export function sgis(): bool {
  let wrong: u32 = 0;
  while (stage.isOn()) {
    for (let sgi: u32 = 0; sgi < SGIS / 2; sgi++) {
      const before = seen.count(sgi);
      gic.sendToSelf(sgi);
      seen.admit();
      if (seen.count(sgi) != before + 1) wrong++;
    }
    const before = seen.count(0);
    sysreg.writeIccSgi1rEl1(0xfffc);
    sysreg.writeIccSgi1rEl1((1 << 16) | 0xffff);
    sysreg.writeIccSgi1rEl1(((1 as u64) << 32) | 0xffff);
    sysreg.writeIccSgi1rEl1(((1 as u64) << 48) | 0xffff);
    sysreg.writeIccSgi1rEl1(((15 as u64) << 44) | 0xffff);
    seen.admit();
    if (seen.count(0) != before) wrong++;
    // To whoever else there is: half of them, which are not counted.
    for (let sgi = SGIS / 2; sgi < SGIS; sgi++) gic.sendToOthers(sgi);
  }
  return wrong == 0;
}

/** Answers with SGIs of its own. */
export function answer(): void {
  while (stage.isOn()) {
    for (let sgi = SGIS / 2; sgi < SGIS; sgi++) gic.sendToOthers(sgi);
    seen.admit();
  }
}

/** All SGIs and many SPIs pending at once, behind the mask: let in, each comes once. */
export function overflow(): bool {
  let wrong: u32 = 0;
  for (let intid = FREE_SPI; intid < INTIDS; intid++) gic.enableShared(intid, true, 0);
  while (stage.isOn()) {
    const spis = seen.countFrom(FREE_SPI);
    let sgis: u32 = 0;
    for (let sgi: u32 = 0; sgi < SGIS; sgi++) sgis -= seen.count(sgi);
    for (let sgi: u32 = 0; sgi < SGIS; sgi++) gic.sendToSelf(sgi);
    for (let intid = FREE_SPI; intid < INTIDS; intid++) gic.setPending(intid, true);
    for (let n: u32 = 0; n < 2 * INTIDS; n++) seen.admit();
    for (let sgi: u32 = 0; sgi < SGIS; sgi++) sgis += seen.count(sgi);
    if (seen.countFrom(FREE_SPI) - spis != INTIDS - FREE_SPI || sgis != SGIS) wrong++;
  }
  return wrong == 0;
}

/** The distributor and the redistributor, written and read at random, at every width; afterwards they work as before. */
export function registers(): bool {
  const interrupts = cpu.number() == 0 ? (GICD_BASE as u64) : (GICR_BASE as u64) + GICR_SGI_FRAME;
  let random: u64 = 0x9e3779b97f4a7c15 * ((cpu.number() as u64) + 1);
  while (stage.isOn()) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    // Of three, two go where most registers are.
    const all = random % 3 == 0;
    const bytes: u64 = all ? (cpu.number() == 0 ? GICD_SIZE : GICR_STRIDE - GICR_SGI_FRAME) : 0xd00;
    const at = interrupts + ((random >> 8) % bytes);
    access.write64(at & ~(7 as u64), random);
    access.write32(at & ~(3 as u64), (random >> 32) as u32);
    access.write16(at & ~(1 as u64), (random >> 16) as u32);
    access.write8(at, random as u32);
    access.read64(at & ~(7 as u64));
    access.read32(at & ~(3 as u64));
  }
  return true;
}

/** Whether an SGI comes, once everything is as it was. */
export function works(): bool {
  ready();
  const before = seen.count(0);
  gic.sendToSelf(0);
  seen.admit();
  return seen.count(0) == before + 1;
}
