// Devices, accessed in every way that their registers do not expect.

import { GICR_SGI_FRAME } from "../../build/gen/gic";
import { GICD_BASE, GICD_SIZE, GICR_BASE, GICR_STRIDE, RTC_BASE, UART_BASE } from "../../build/gen/guest";
import { UART_DR, UART_FR, UART_IMSC, UART_PERIPH_ID } from "../../build/gen/pl011";
import * as gic from "../lib/gic";
import * as access from "../lib/hal/access";
import * as check from "./check";
import {
  DC_ZVA,
  LDADD,
  LDP,
  LDR_POST,
  LDR_Q,
  LDR_W,
  LDR_WZR,
  LDR_X,
  LDRB,
  LDRH,
  LDRSB_W,
  LDRSB_X,
  LDRSH_W,
  LDRSH_X,
  LDRSW,
  mrs,
  STP,
  STR_PRE,
  STR_Q,
  STR_W,
  STR_WZR,
  STR_X,
  STRB,
  STRH,
} from "../lib/encodings";
import { DEVICES } from "./places";

const UART: u64 = DEVICES + UART_BASE;
/** UARTPCellID1: 0xf0, the highest bit of its byte set. */
const PCELL_1: u64 = UART + UART_PERIPH_ID + 20;
/** GICR_IGROUPR0, all ones here. */
const GROUPS: u64 = DEVICES + GICR_BASE + GICR_SGI_FRAME + 0x80;

function aborts(name: string, word: u32, address: u64): void {
  check.run(word, 0, address);
  check.dataAbort(name, address);
}
function reads(name: string, word: u32, address: u64, value: u64): void {
  check.value(name, check.run(word, 0x5555555555555555, address), value);
}

/** Instructions that leave no syndrome of the access. */
function withoutSyndrome(): void {
  aborts("load-pair-uart", LDP, UART + UART_FR);
  aborts("store-pair-uart", STP, UART + UART_DR);
  aborts("load-write-back-uart", LDR_POST, UART + UART_FR);
  check.run(STR_PRE, 0, UART + UART_DR - 4 + 0x18);
  check.dataAbort("store-write-back-uart", UART + UART_FR);
  aborts("load-vector-uart", LDR_Q, UART + UART_FR - 8);
  aborts("store-vector-uart", STR_Q, UART + UART_DR);
  aborts("zero-block-uart", DC_ZVA, UART);
  aborts("load-pair-distributor", LDP, DEVICES + GICD_BASE);
  // FEAT_LSE: ID_AA64ISAR0_EL1.Atomic.
  const atomics = (check.run(mrs(3, 0, 0, 6, 0), 0, 0) >> 20) & 15;
  check.run(LDADD, 0, UART + UART_DR);
  if (atomics != 0) check.dataAbort("atomic-uart", UART + UART_DR);
  else check.undefined("atomic-uart");
}

function widths(): void {
  const flags = access.read32(UART + UART_FR);
  reads("read-byte-uart", LDRB, UART + UART_FR, flags & 0xff);
  reads("read-half-uart", LDRH, UART + UART_FR, flags & 0xffff);
  reads("read-word-uart", LDR_W, UART + UART_FR, flags);
  aborts("read-double-uart", LDR_X, UART + UART_FR);
  aborts("write-double-uart", STR_X, UART + UART_IMSC);
  aborts("read-double-rtc", LDR_X, DEVICES + RTC_BASE);
  aborts("unaligned-half-uart", LDRH, UART + UART_FR + 1);
  aborts("unaligned-word-uart", LDR_W, UART + UART_FR + 2);
  aborts("unaligned-write-uart", STR_W, UART + UART_IMSC + 1);
  aborts("unaligned-distributor", LDR_X, DEVICES + GICD_BASE + 4);
  check.run(LDR_W, 0, UART + 0xffe);
  check.dataAbortWithin("across-the-end-of-uart", UART + 0xffe, 4);
  aborts("behind-uart", LDR_W, UART + 0x1000);
  aborts("behind-redistributor", LDR_W, DEVICES + GICR_BASE + GICR_STRIDE);
  reads("read-reserved-uart", LDR_W, UART + 0x800, 0);
  check.run(STRB, 0, UART + 0x801);
  check.nothing("write-byte-reserved-uart");
  check.run(STRH, 0, UART + 0x802);
  check.nothing("write-half-reserved-uart");
}

/** The exact value, with nothing stale above it. */
function extension(): void {
  reads("unsigned-byte", LDRB, PCELL_1, 0xf0);
  reads("signed-byte-to-x", LDRSB_X, PCELL_1, 0xfffffffffffffff0);
  reads("signed-byte-to-w", LDRSB_W, PCELL_1, 0x00000000fffffff0);
  access.write32(GROUPS, 0xffff8001);
  reads("signed-half-to-x", LDRSH_X, GROUPS, 0xffffffffffff8001);
  reads("signed-half-to-w", LDRSH_W, GROUPS, 0x00000000ffff8001);
  reads("signed-word", LDRSW, GROUPS, 0xffffffffffff8001);
  reads("upper-half", LDRH, GROUPS + 2, 0xffff);
  access.write32(GROUPS, 0xffffffff);
}

function zeroRegister(): void {
  reads("load-to-xzr", LDR_WZR, UART + UART_FR, 0x5555555555555555);
  access.write32(UART + UART_IMSC, 0x50);
  check.run(STR_WZR, 0x5555555555555555, UART + UART_IMSC);
  check.nothing("store-from-xzr");
  check.value("store-from-xzr-wrote", access.read32(UART + UART_IMSC), 0);
}

/** The eight bytes at `at`, read and written at every width. */
function readAll(at: u64): void {
  access.read64(at);
  for (let n: u64 = 0; n < 8; n += 4) access.read32(at + n);
  for (let n: u64 = 0; n < 8; n += 2) access.read16(at + n);
  for (let n: u64 = 0; n < 8; n++) access.read8(at + n);
}
function writeAll(at: u64): void {
  access.write64(at, 0xffffffffffffffff);
  access.write32(at, 0);
  access.write32(at + 4, 0xa5a5a5a5);
  access.write16(at + 2, 0xffff);
  access.write16(at + 6, 0);
  access.write8(at + 1, 0x80);
  access.write8(at + 7, 0x7f);
}

/** How far the next eight bytes are: behind each other where registers are, far apart where the frame of 64 KiB is reserved. */
function step(at: u64): u64 {
  const offset = at & 0xffff;
  return offset < 0x1000 || (offset >= 0x6000 && offset < 0x6400) || offset >= 0xffc0 ? 8 : 64;
}
function readRegion(base: u64, bytes: u64): void {
  for (let at = base; at < base + bytes; at += step(at)) readAll(at);
}
function writeRegion(base: u64, bytes: u64): void {
  for (let at = base; at < base + bytes; at += step(at)) writeAll(at);
}

function interruptController(): void {
  check.begin();
  readRegion(GICD_BASE, GICD_SIZE);
  check.nothing("read-all-of-distributor");
  readRegion(GICR_BASE, GICR_STRIDE);
  check.nothing("read-all-of-redistributor");
  writeRegion(GICD_BASE, GICD_SIZE);
  check.nothing("write-all-of-distributor");
  writeRegion(GICR_BASE, GICR_STRIDE);
  check.nothing("write-all-of-redistributor");
  gic.reset();
  gic.init();
  check.nothing("interrupts-set-up-again");
}

export function cases(): void {
  withoutSyndrome();
  widths();
  extension();
  zeroRegister();
  interruptController();
}
