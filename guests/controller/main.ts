// A guest that controls other VMs. Its command line says what it does (`run=`): `denied` finds that it may do nothing; `states` tries every call in
// every state of VM 1, which counts in a shared region, and of VM 2, which crashes; `loops` makes and destroys VM 1 again and again; `disturb` takes
// VM 1 through pauses and resets until VM `watched` is off.

import * as bootargs from "../lib/bootargs";
import * as console from "../lib/console";
import * as gic from "../lib/gic";
import * as mmu from "../lib/mmu";
import * as power from "../lib/power";
import * as score from "../lib/score";
import { VTIMER_INTID } from "../../build/gen/guest";
import * as denied from "./denied";
import * as disturb from "./disturb";
import * as loops from "./loops";
import * as states from "./states";

/** Interrupts stay masked: they end WFI. */
export function onException(kind: u64, esr: u64, far: u64, elr: u64): u64 {
  power.unexpected(kind, esr, far, elr);
  return elr;
}

export function main(fdt: u64): void {
  console.init();
  mmu.init();
  gic.init();
  gic.enable(VTIMER_INTID);
  if (bootargs.is("run", "denied")) denied.cases();
  if (bootargs.is("run", "states")) states.cases();
  if (bootargs.is("run", "loops")) loops.cases(bootargs.number("times", 200));
  if (bootargs.is("run", "disturb")) disturb.until(bootargs.number("watched", 2));
  score.summary("controller: ");
  power.off();
}
