// The end of a run: the last line, then the board is switched off by its firmware (PSCI SYSTEM_OFF, DEN0022 5.10), if it has any.

import { PSCI_SYSTEM_OFF } from "../../build/gen/calls";
import { HALTED_CRASH, HALTED_OFF, LOG_EMERG, LOG_INFO } from "../../build/gen/console";
import * as cpu from "../hal/cpu";
import * as log from "./log";

/** 1: nothing answers SMC. Until the device tree has been read, something is taken to. */
const alone: usize = memory.data(4, 4);

/** Says whether there is firmware that can switch the board off. */
export function useFirmware(there: bool): void {
  store<u32>(alone, there ? 0 : 1);
}

function powerOff(): void {
  if (load<u32>(alone) == 0) cpu.smc(PSCI_SYSTEM_OFF, 0, 0, 0);
  cpu.halt();
}

/** Every VM has switched itself off. Does not return. */
export function off(): void {
  log.last(LOG_INFO, HALTED_OFF, "", 0, 0, 0);
  powerOff();
}

/** Something is wrong that nothing can go on with: `s` is the one message that the user gets. Does not return. */
export function crash(s: string, a: u64 = 0, b: u64 = 0, c: u64 = 0): void {
  log.last(LOG_EMERG, HALTED_CRASH, s, a, b, c);
  powerOff();
}
