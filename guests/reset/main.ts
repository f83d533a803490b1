// A guest that resets itself and then looks for what was before: in its registers, in its RAM, in its devices. What a reset leaves is the
// real-time clock: it tells the second start from the first.

import { GICD_CTLR, GICD_CTLR_ENABLE_G1, GICD_ISENABLER, GICR_SGI_FRAME } from "../../build/gen/gic";
import { GICD_BASE, GICR_BASE, RAM_BASE, RAW_LOAD, RTC_BASE, UART_BASE, VTIMER_INTID } from "../../build/gen/guest";
import { HL_VM_FACT, VM_FACT_MEMORY } from "../../build/gen/calls";
import { UART_IMSC } from "../../build/gen/pl011";
import { RTC_DR, RTC_LR } from "../../build/gen/pl031";
import * as sysreg from "../../build/guests/lib/sysreg";
import * as console from "../lib/console";
import * as gic from "../lib/gic";
import * as access from "../lib/hal/access";
import * as call from "../lib/hal/call";
import * as cpu from "../lib/hal/cpu";
import * as image from "../lib/hal/image";
import * as power from "../lib/power";

/** The clock of the second start: a year that no host is in, a minute at most behind the first start's last word. */
const LATER: u32 = 0xf0000000;
const MINUTE: u32 = 60;
const MARK: u64 = 0x6d61726b6d61726b;
/** CPACR_EL1.FPEN: vector registers trap nowhere. */
const CPACR_FP: u64 = 3 << 20;
/** SCTLR_EL1 as its bits of Armv8.0 that are RES1 say. */
const SCTLR_RESET: u64 = 0x30d00800;
/** The device tree takes at most so much behind the address given. */
const TREE_MAX: u64 = 0x10000;

const wrong: usize = memory.data(4, 4);

function expect(name: string, is: u64, should: u64): void {
  if (is == should) return;
  store<u32>(wrong, load<u32>(wrong) + 1);
  console.line("WRONG", "");
  console.line(name, "0x%x for 0x%x", is, should);
}

function ramEnd(): u64 {
  call.hvc(HL_VM_FACT, VM_FACT_MEMORY, 0, 0);
  return (RAM_BASE as u64) + call.result(1);
}

export function onException(kind: u64, esr: u64, far: u64, elr: u64): u64 {
  power.unexpected(kind, esr, far, elr);
  return elr;
}

/** Leaves something everywhere. */
function soil(): void {
  for (let at = image.end(); at < ramEnd(); at += 0x1000) access.write64(at, MARK);
  access.write64(ramEnd() - 8, MARK);
  access.write64(RAM_BASE + RAW_LOAD - 8, MARK);
  image.fillVectors(MARK);
  sysreg.writeTpidrEl0(MARK);
  sysreg.writeTpidrroEl0(MARK);
  sysreg.writeTpidrEl1(MARK);
  sysreg.writeContextidrEl1(0x1234);
  sysreg.writeTtbr0El1(0x40001000);
  sysreg.writeTtbr1El1(0x40002000);
  sysreg.writeMairEl1(0xff);
  sysreg.writeTcrEl1(25);
  sysreg.writeCntkctlEl1(3);
  sysreg.writeCntvCvalEl0(MARK);
  sysreg.writeCntpCvalEl0(MARK);
  gic.init();
  gic.enable(VTIMER_INTID);
  access.write32(UART_BASE + UART_IMSC, 0x50);
  access.write32(RTC_BASE + RTC_LR, LATER);
}

function registers(): void {
  expect("x1 to x30, SP, VBAR", image.leftovers(), 0);
  expect("CPACR_EL1", sysreg.readCpacrEl1(), 0);
  sysreg.writeCpacrEl1(CPACR_FP);
  cpu.isb();
  expect("vector registers", image.vectorLeftovers(), 0);
  expect("SCTLR_EL1", sysreg.readSctlrEl1(), SCTLR_RESET);
  expect("TPIDR_EL0", sysreg.readTpidrEl0(), 0);
  expect("TPIDRRO_EL0", sysreg.readTpidrroEl0(), 0);
  expect("TPIDR_EL1", sysreg.readTpidrEl1(), 0);
  expect("CONTEXTIDR_EL1", sysreg.readContextidrEl1(), 0);
  expect("TTBR0_EL1", sysreg.readTtbr0El1(), 0);
  expect("TTBR1_EL1", sysreg.readTtbr1El1(), 0);
  expect("MAIR_EL1", sysreg.readMairEl1(), 0);
  expect("TCR_EL1", sysreg.readTcrEl1(), 0);
  expect("CNTKCTL_EL1", sysreg.readCntkctlEl1(), 0);
  expect("CNTV_CTL_EL0", sysreg.readCntvCtlEl0() & 3, 0);
  expect("CNTV_CVAL_EL0", sysreg.readCntvCvalEl0(), 0);
  expect("CNTP_CTL_EL0", sysreg.readCntpCtlEl0() & 3, 0);
  expect("CNTP_CVAL_EL0", sysreg.readCntpCvalEl0(), 0);
}

function devices(): void {
  expect("GICD_CTLR", access.read32(GICD_BASE + GICD_CTLR) & GICD_CTLR_ENABLE_G1, 0);
  expect("GICR_ISENABLER0", access.read32(GICR_BASE + GICR_SGI_FRAME + GICD_ISENABLER), 0);
  expect("UARTIMSC", access.read32(UART_BASE + UART_IMSC), 0);
}

/** The OR of all words in [from, to). */
function memoryBetween(from: u64, to: u64): u64 {
  let found: u64 = 0;
  for (let at = from; at < to; at += 8) found |= access.read64(at);
  return found;
}

function ram(): void {
  const tree = image.argument();
  const code = (RAM_BASE as u64) + RAW_LOAD;
  // The device tree lies below the image, or behind it.
  if (tree < code) {
    expect("RAM below the image", memoryBetween(tree + TREE_MAX, code), 0);
    expect("RAM behind the image", memoryBetween(image.end(), ramEnd()), 0);
  } else {
    expect("RAM below the image", memoryBetween(RAM_BASE, code), 0);
    expect("RAM behind the image", memoryBetween(image.end(), tree), 0);
    expect("RAM behind the device tree", memoryBetween(tree + TREE_MAX, ramEnd()), 0);
  }
}

export function main(fdt: u64): void {
  // Before anything writes to it.
  registers();
  devices();
  ram();
  console.init();
  const again = access.read32(RTC_BASE + RTC_DR) - LATER < MINUTE;
  console.line(
    again ? "second" : "first",
    load<u32>(wrong) == 0 ? "start, nothing left of before" : "start, %d things left",
    load<u32>(wrong),
  );
  if (again) {
    console.text("reset: done\r\n");
    power.off();
  }
  soil();
  power.reset();
}
