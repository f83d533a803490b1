// Attacks by being born and dying: a vCPU that goes on and off without end, a VM that resets itself or crashes as soon as it runs.

import { ALREADY_ON, HL_YIELD, INVALID_ADDRESS, ON_PENDING, PSCI_CPU_ON_64 } from "../../build/gen/calls";
import { UART_BASE } from "../../build/gen/guest";
import * as call from "../lib/hal/call";
import * as cpu from "../lib/hal/cpu";
import * as power from "../lib/power";
import * as smp from "../lib/smp";
import * as places from "./places";
import * as residue from "./residue";
import * as stage from "./stage";

/** The further vCPU. */
const MATE: u32 = 1;

/** CPU_ON of one that goes off at once: it starts, or is still there. With a wrong entry it never does. */
export function cpus(): bool {
  let wrong: u64 = 0;
  let starts: u64 = 0;
  while (stage.isOn()) {
    const answer = smp.start(MATE, stage.attack());
    if (answer == 0) starts++;
    else if (answer != ALREADY_ON && answer != ON_PENDING) wrong++;
    const astray = call.hvc(PSCI_CPU_ON_64, MATE, UART_BASE, 0);
    if (astray != INVALID_ADDRESS && astray != ALREADY_ON && astray != ON_PENDING) wrong++;
    if (smp.start(0, 0) != ALREADY_ON) wrong++;
    call.hvc(HL_YIELD, 0, 0, 0);
  }
  // A short turn may be over before the first one has gone off.
  return wrong == 0 && (starts != 0 || stage.measured() == 0);
}

/** Counts a life, and leaves what the next one must not find. */
function end(): void {
  residue.soil();
  stage.setRestarts(stage.restarts() + 1);
  cpu.dsb();
}

export function reset(): bool {
  end();
  power.reset();
  return false;
}

export function crash(): bool {
  end();
  power.crash(places.NOTHING);
  return false;
}
