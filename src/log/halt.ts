// The end of a run: the last line, then the board is switched off by its firmware (PSCI SYSTEM_OFF, DEN0022 5.10), if it has any.

import { PSCI_SYSTEM_OFF } from "../../build/gen/calls";
import { HALTED_CRASH, HALTED_OFF, LOG_EMERG, LOG_INFO } from "../../build/gen/console";
import * as cpu from "../hal/cpu";
import * as console from "./console";
import * as guard from "./guard";
import * as log from "./log";
import * as uart from "./uart";

/** 1: nothing answers SMC. Until the device tree has been read, something is taken to. */
const alone: usize = memory.data(4, 4);

/** Says whether there is firmware that can switch the board off. */
export function useFirmware(there: bool): void {
  store<u32>(alone, there ? 0 : 1);
}

/** The last line of the run. This CPU has the console from now on, so that nothing comes behind it. */
function end(severity: u32, mark: string, s: string, a: u64, b: u64, c: u64): void {
  log.lastLocked(severity, mark, s, a, b, c);
  uart.finish();
  if (load<u32>(alone) == 0) cpu.smc(PSCI_SYSTEM_OFF, 0, 0, 0);
  cpu.halt();
}

/** Every VM has switched itself off. Does not return. */
export function off(): void {
  guard.seize();
  console.flush();
  end(LOG_INFO, HALTED_OFF, "", 0, 0, 0);
}

/** Something is wrong that nothing can go on with: `s` is the one message that the user gets. Does not return. */
export function crash(s: string, a: u64 = 0, b: u64 = 0, c: u64 = 0): void {
  // After an exception at EL2 the console is left alone: its own records may be what is broken.
  if (guard.seize()) console.flush();
  end(LOG_EMERG, HALTED_CRASH, s, a, b, c);
}
