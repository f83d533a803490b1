// Doorbells rung without end, at peers that hear them, that do not listen, and that are being torn down.

import { DENIED, HL_DOORBELL, INVALID_PARAMETERS } from "../../build/gen/calls";
import * as call from "../lib/hal/call";
import * as cpu from "../lib/hal/cpu";
import * as stage from "./stage";

/** A VM has at most so many. */
const MOST: u64 = 8;
const ABSURD: u64 = (1 as u64) << 32;

/** Whatever the peer does: it was rung, or it cannot hear. */
export function storm(): bool {
  let wrong: u64 = 0;
  while (stage.isOn()) {
    let there = true;
    for (let n: u64 = 0; n < MOST; n++) {
      const answer = call.hvc(HL_DOORBELL, n, 0, 0);
      // Behind the last one there is none.
      if (answer == INVALID_PARAMETERS) there = false;
      else if (!there || (answer != 0 && answer != DENIED)) wrong++;
    }
    if (call.hvc(HL_DOORBELL, ABSURD, 0, 0) != INVALID_PARAMETERS) wrong++;
    cpu.relax();
  }
  return wrong == 0;
}
