// A VM made and destroyed again and again, at every moment of its life: afterwards the memory and the pages for tables are all there.

import {
  HL_VM_CREATE,
  HL_VM_DESTROY,
  HL_VM_PAUSE,
  HL_VM_START,
  VM_ABSENT,
  VM_FACT_FREE_MEMORY,
  VM_FACT_FREE_TABLES,
  VM_PAUSED,
  VM_RUNNING,
} from "../../build/gen/calls";
import * as control from "../lib/control";
import * as facts from "../lib/facts";
import * as score from "../lib/score";

const TARGET: u64 = 1;

/** One life; `turn` says where it ends. */
function live(turn: u64): bool {
  if (control.order(HL_VM_CREATE, TARGET) != 0) return false;
  const end = turn & 3;
  // Never started; while it is filled; running; paused.
  if (end >= 1 && control.order(HL_VM_START, TARGET) != 0) return false;
  if (end >= 2 && !control.awaitState(TARGET, VM_RUNNING)) return false;
  if (end == 3 && (control.order(HL_VM_PAUSE, TARGET) != 0 || control.state(TARGET) != VM_PAUSED)) return false;
  return control.order(HL_VM_DESTROY, TARGET) == 0 && control.awaitState(TARGET, VM_ABSENT);
}

export function cases(times: u64): void {
  score.holds("absent-at-first", control.awaitState(TARGET, VM_ABSENT));
  const memory = facts.ofVm(VM_FACT_FREE_MEMORY);
  const tables = facts.ofVm(VM_FACT_FREE_TABLES);
  let lived: u64 = 0;
  while (lived < times && live(lived)) lived++;
  score.same("made-and-destroyed", lived, times);
  score.same("no-memory-lost", facts.ofVm(VM_FACT_FREE_MEMORY), memory);
  score.same("no-page-of-tables-lost", facts.ofVm(VM_FACT_FREE_TABLES), tables);
  score.holds("there-is-memory", memory != 0 && tables != 0);
}
