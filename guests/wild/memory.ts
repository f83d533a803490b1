// Loads, stores, fetches, walks and cache maintenance where nothing of the guest's is.

import { UART_BASE } from "../../build/gen/guest";
import * as sysreg from "../../build/guests/lib/sysreg";
import * as access from "../lib/hal/access";
import * as image from "../lib/hal/image";
import * as mmu from "../lib/mmu";
import * as check from "./check";
import {
  AT_S1E1R,
  DC_CISW,
  DC_CIVAC,
  DC_CSW,
  DC_CVAC,
  DC_ISW,
  DC_IVAC,
  DC_ZVA,
  IC_IVAU,
  LDP,
  LDR_POST,
  LDR_Q,
  LDR_W,
  LDR_X,
  LDRB,
  PRFM,
  STP,
  STR_Q,
  STR_W,
  STR_X,
  STRB,
} from "../lib/encodings";
import {
  BEHIND,
  DEVICES,
  DEVICES_BIT_32,
  DEVICES_BIT_39,
  NOTHING,
  RAM_BIT_32,
  RAM_BIT_38,
  RAM_BIT_39,
  ROM,
  ROM_SIZE,
  ramEnd,
  TABLE_IN_DEVICE,
  TABLE_IN_NOTHING,
} from "./places";

function aborts(name: string, word: u32, address: u64): void {
  check.run(word, 0, address);
  check.dataAbort(name, address);
}

function unmapped(): void {
  const nothing = DEVICES + NOTHING;
  aborts("read-nothing", LDR_X, nothing);
  aborts("write-nothing", STR_X, nothing);
  aborts("read-byte-nothing", LDRB, nothing + 1);
  aborts("write-byte-nothing", STRB, nothing + 1);
  aborts("read-zero", LDR_W, DEVICES);
  aborts("load-pair-nothing", LDP, nothing);
  aborts("store-pair-nothing", STP, nothing);
  aborts("write-back-nothing", LDR_POST, nothing);
  aborts("load-vector-nothing", LDR_Q, nothing);
  aborts("store-vector-nothing", STR_Q, nothing);
  aborts("zero-block-nothing", DC_ZVA, nothing);
  check.run(PRFM, 0, nothing);
  check.nothing("prefetch-nothing");
}

function ends(): void {
  const end = ramEnd();
  aborts("read-behind-ram", LDRB, end);
  aborts("write-behind-ram", STRB, end);
  check.begin();
  access.read8(end - 1);
  check.nothing("read-last-of-ram");
  check.run(LDR_X, 0, end - 4);
  check.dataAbortWithin("read-across-the-end", end - 4, 8);
  aborts("read-below-ram", LDRB, DEVICES + 0x3fffffff);
  aborts("read-far-behind-ram", LDR_X, BEHIND);
}

/** An address means what all of its bits say. */
function aliases(): void {
  aborts("alias-uart-bit-39", LDR_W, DEVICES_BIT_39 + UART_BASE);
  aborts("alias-ram-bit-39", LDR_W, RAM_BIT_39);
  aborts("alias-uart-bit-32", LDR_W, DEVICES_BIT_32 + UART_BASE);
  aborts("alias-ram-bit-32", STR_W, RAM_BIT_32);
  aborts("alias-ram-bit-38", STR_W, RAM_BIT_38);
}

function readOnly(): void {
  const rom = DEVICES + ROM;
  const before = access.read64(rom);
  check.begin();
  check.value("rom-has-its-file", access.read32(rom), 0x73696854);
  aborts("write-rom", STR_X, rom);
  aborts("write-byte-rom", STRB, rom + 1);
  aborts("store-pair-rom", STP, rom);
  aborts("store-vector-rom", STR_Q, rom);
  aborts("zero-block-rom", DC_ZVA, rom);
  check.run(DC_CVAC, 0, rom);
  check.nothing("clean-rom");
  check.run(DC_CIVAC, 0, rom);
  check.nothing("clean-invalidate-rom");
  check.run(DC_IVAC, 0, rom);
  check.dataAbortOrNothing("invalidate-rom", rom);
  check.run(IC_IVAU, 0, rom);
  check.nothing("invalidate-code-rom");
  aborts("read-behind-rom", LDR_W, rom + ROM_SIZE);
  check.begin();
  check.value("rom-is-unchanged", access.read64(rom), before);
}

function fetches(): void {
  check.jump(DEVICES + NOTHING);
  check.fetchAbort("fetch-nothing", DEVICES + NOTHING);
  check.jump(DEVICES + UART_BASE);
  check.fetchAbort("fetch-device", DEVICES + UART_BASE);
  check.jump(RAM_BIT_39);
  check.fetchAbort("fetch-alias", RAM_BIT_39);
  check.jump(ramEnd());
  check.fetchAbort("fetch-behind-ram", ramEnd());
}

function walks(): void {
  mmu.plantTable(TABLE_IN_DEVICE, UART_BASE);
  mmu.plantTable(TABLE_IN_NOTHING, NOTHING);
  check.run(LDR_X, 0, TABLE_IN_DEVICE);
  check.dataWalkAbort("walk-in-device", TABLE_IN_DEVICE);
  check.run(STR_X, 0, TABLE_IN_DEVICE + 8);
  check.dataWalkAbort("walk-in-device-write", TABLE_IN_DEVICE + 8);
  check.run(LDR_X, 0, TABLE_IN_NOTHING);
  check.dataWalkAbort("walk-in-nothing", TABLE_IN_NOTHING);
  check.jump(TABLE_IN_DEVICE);
  check.fetchWalkAbort("walk-in-device-fetch", TABLE_IN_DEVICE);
  check.run(AT_S1E1R, 0, TABLE_IN_DEVICE);
  check.walkAbortOrFault("walk-in-device-at", TABLE_IN_DEVICE, sysreg.readParEl1());
}

function maintenance(): void {
  const uart = DEVICES + UART_BASE;
  check.run(DC_CIVAC, 0, uart);
  check.dataAbortOrNothing("clean-invalidate-device", uart);
  check.run(DC_CVAC, 0, uart);
  check.dataAbortOrNothing("clean-device", uart);
  check.run(DC_IVAC, 0, DEVICES + NOTHING);
  check.dataAbortOrNothing("invalidate-nothing", DEVICES + NOTHING);
  // Every set and way of two levels, and a good many that are not there.
  check.begin();
  for (let n: u64 = 0; n < 1024; n++) {
    const setWay = (n << 6) | ((n & 1) << 1);
    check.run(DC_CISW, 0, setWay);
    check.run(DC_CSW, 0, setWay);
    check.run(DC_ISW, 0, setWay | ((n & 15) << 28));
  }
  check.nothing("set-way-loop");
}

/** More lines than anybody wants to read: the log must bear it. */
function flood(): void {
  const nothing = DEVICES + NOTHING;
  for (let n: u64 = 0; n < 5000; n++) check.run(LDR_X, 0, nothing + (n << 3));
  check.dataAbort("abort-flood", nothing + (4999 << 3));
}

export function cases(): void {
  unmapped();
  ends();
  aliases();
  readOnly();
  fetches();
  walks();
  maintenance();
  flood();
  check.begin();
  access.write64(image.end() + 0x100000, 42);
  check.value("ram-still-works", access.read64(image.end() + 0x100000), 42);
}
