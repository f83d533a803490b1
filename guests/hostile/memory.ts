// Attacks by memory: stage 1 that leads nowhere, TLBs and caches emptied without end, writes to what may only be read, exclusives on a word that many want.

import { SHARED_BASE, SHARED_STRIDE, UART_BASE } from "../../build/gen/guest";
import * as access from "../lib/hal/access";
import * as cpu from "../lib/hal/cpu";
import * as image from "../lib/hal/image";
import * as instruction from "../lib/hal/instruction";
import {
  AT_S1E1R,
  DC_CISW,
  DC_CIVAC,
  DC_CSW,
  DC_CVAC,
  DC_ISW,
  DC_ZVA,
  LDP,
  LDR_POST,
  LDR_Q,
  LDR_X,
  STR_X,
} from "../lib/encodings";
import * as mmu from "../lib/mmu";
import * as places from "./places";
import * as seen from "./seen";
import * as stage from "./stage";

/** In a region shared with others that this VM may only read: a word that nobody writes. */
const SHARED_READ_ONLY: u64 = SHARED_BASE + SHARED_STRIDE + 8;
/** 1 GiB each, for tables that lie wrong. */
const PLANTED: u64 = (16 as u64) << 30;

/** Tables of stage 1 in a device, in nothing, in what may only be read, in themselves; all accesses abort, or do nothing. */
export function walks(): bool {
  const own = image.end() + 0x300000;
  // It leads to itself at every level.
  for (let at: u64 = 0; at < 0x1000; at += 8) access.write64(own + at, own | 3);
  const before = seen.provocations();
  let turns: u32 = 0;
  for (; stage.isOn(); turns++) {
    mmu.plantTable(PLANTED, UART_BASE);
    instruction.run(LDR_X, 0, PLANTED, 0, 0);
    mmu.plantTable(PLANTED, places.NOTHING);
    instruction.run(STR_X, 0, PLANTED, 0, 0);
    instruction.jump(PLANTED);
    mmu.plantTable(PLANTED, ((1 as u64) << 38) | 0x40000000);
    instruction.run(LDR_X, 0, PLANTED, 0, 0);
    mmu.plantTable(PLANTED, own);
    instruction.run(AT_S1E1R, 0, PLANTED, 0, 0);
  }
  return seen.provocations() - before == 4 * turns;
}

/** By set and way, of sets and ways that are there and that are not; by address, of devices and of nothing; and the TLBs. */
export function maintenance(): bool {
  for (let n: u64 = 0; stage.isOn(); n++) {
    const setWay = ((n & 1023) << 6) | ((n & 1) << 1) | ((n & 15) << 28);
    instruction.run(DC_CISW, 0, setWay, 0, 0);
    instruction.run(DC_CSW, 0, setWay, 0, 0);
    instruction.run(DC_ISW, 0, setWay, 0, 0);
    instruction.run(DC_CIVAC, 0, UART_BASE, 0, 0);
    instruction.run(DC_CVAC, 0, places.NOTHING, 0, 0);
    cpu.invalidateTlb();
  }
  return true;
}

/** Writes to memory that may only be read, and accesses that carry no syndrome: each aborts, and nothing changes. */
export function readOnly(): bool {
  const rom = access.read64(places.ROM);
  const shared = access.read64(SHARED_READ_ONLY);
  const before = seen.provocations();
  let turns: u32 = 0;
  for (; stage.isOn(); turns++) {
    instruction.run(STR_X, ~rom, places.ROM, 0, 0);
    instruction.run(STR_X, ~shared, SHARED_READ_ONLY, 0, 0);
    instruction.run(DC_ZVA, 0, places.ROM, 0, 0);
    instruction.run(LDP, 0, UART_BASE, 0, 0);
    instruction.run(LDR_POST, 0, UART_BASE, 0, 0);
    instruction.run(LDR_Q, 0, places.NOTHING, 0, 0);
    instruction.run(LDR_X, 0, places.ramEnd(), 0, 0);
  }
  if (seen.provocations() - before != 7 * turns) return false;
  return access.read64(places.ROM) == rom && access.read64(SHARED_READ_ONLY) == shared;
}

/** Adds to the word that the others add to as well. */
export function exclusives(): bool {
  let times: u64 = 0;
  for (; stage.isOn(); times += 64) {
    for (let n: u32 = 0; n < 64; n++) stage.contend();
  }
  stage.confess(times);
  return true;
}
