// VM control by a VM that the configuration does not mark as controller: DENIED, whatever it asks, and nothing changes.

import { DENIED, HL_VM_COUNT, HL_VM_LINK, HL_VM_FACT, VM_FACT_FREE_MEMORY, VM_FACT_FREE_TABLES } from "../../build/gen/calls";
import * as call from "../lib/hal/call";
import * as score from "../lib/score";

/** The other VMs of the system are 1 and 2, this one is 0. */
const NOBODY: u64 = 77;

export function cases(): void {
  let others = true;
  for (let id = HL_VM_COUNT; id <= HL_VM_LINK; id++) {
    for (let vm: u64 = 0; vm <= 2; vm++) {
      if (call.hvc(id, vm, 0, 0) != DENIED) others = false;
    }
    if (call.hvc(id, NOBODY, 0, 0) != DENIED) others = false;
  }
  score.holds("denied-every-call", others);
  score.same("denied-free-memory", call.hvc(HL_VM_FACT, VM_FACT_FREE_MEMORY, 0, 0), DENIED);
  score.same("denied-free-tables", call.hvc(HL_VM_FACT, VM_FACT_FREE_TABLES, 0, 0), DENIED);
}
