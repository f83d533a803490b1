// The end of a guest, by PSCI (Arm DEN0022).

import { PSCI_SYSTEM_OFF, PSCI_SYSTEM_RESET } from "../../build/gen/calls";
import * as console from "./console";
import * as call from "./hal/call";

/** Neither returns. */
export function off(): void {
  call.plain(PSCI_SYSTEM_OFF);
}
export function reset(): void {
  call.plain(PSCI_SYSTEM_RESET);
}

/** An exception that the program did not provoke: says so and goes off. */
export function unexpected(kind: u64, esr: u64, far: u64, elr: u64): void {
  console.line("stopped", "by an exception: vector %d, syndrome 0x%x", kind, esr);
  console.line("", "at 0x%x, address 0x%x", elr, far);
  off();
}
