// A guest that runs wild: it tries what no guest should, and checks that it gets the architecture's answer each time. The hypervisor's part is to
// live on. One line for each case, and a last line that counts.

import { EC_IABT_SAME, EC_PC_ALIGN, ESR_EC_SHIFT } from "../../build/gen/esr";
import * as console from "../lib/console";
import * as gic from "../lib/gic";
import * as exception from "../lib/hal/exception";
import * as instruction from "../lib/hal/instruction";
import * as power from "../lib/power";
import * as score from "../lib/score";
import { IRQ, SYNC, SYNC_EL0 } from "../lib/vectors";
import * as calls from "./calls";
import * as check from "./check";
import * as devices from "./devices";
import * as interrupts from "./interrupts";
import * as wildMemory from "./memory";
import * as places from "./places";
import * as registers from "./registers";
import * as user from "./user";

/** Goes on behind the instruction, or, where a fetch failed, behind the call that led there. */
export function onException(kind: u64, esr: u64, far: u64, elr: u64): u64 {
  if (kind == IRQ) {
    interrupts.take();
    return elr;
  }
  if (kind == SYNC_EL0) {
    check.noteEl0(esr, far, elr);
    return instruction.backFromEl0();
  }
  if (kind != SYNC) power.unexpected(kind, esr, far, elr);
  check.note(esr, far, elr);
  const class_ = (esr >> ESR_EC_SHIFT) as u32;
  return class_ == EC_IABT_SAME || class_ == EC_PC_ALIGN ? exception.register(30) : elr + 4;
}

export function main(fdt: u64): void {
  console.init();
  places.init();
  gic.init();
  registers.cases();
  calls.cases();
  wildMemory.cases();
  devices.cases();
  interrupts.cases();
  user.cases();
  score.summary("wild: ");
  power.off();
}
