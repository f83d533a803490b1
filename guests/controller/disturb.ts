// Takes another VM through pauses and resets, over and over, while a third one works: that must not notice.

import { HL_VM_PAUSE, HL_VM_RESET, HL_VM_RESUME, HL_VM_STOP, VM_LOADING, VM_PAUSED, VM_RUNNING } from "../../build/gen/calls";
import * as console from "../lib/console";
import * as control from "../lib/control";
import * as score from "../lib/score";
import * as timer from "../lib/timer";

/** Microseconds of each step. */
const STEP: u64 = 50000;
/** Every so many pauses there is a reset. */
const PAUSES: u64 = 16;

/** It spins for ever: whatever happens to it, this guest has done. */
const VICTIM: u64 = 1;

/** One turn; whether it went as it should. While the victim is loaded anew it is left alone. */
function disturb(turn: u64): bool {
  if (control.state(VICTIM) != VM_RUNNING) return true;
  if (turn % PAUSES == 0) return control.order(HL_VM_RESET, VICTIM) == 0;
  if (control.order(HL_VM_PAUSE, VICTIM) != 0) return false;
  timer.sleep(STEP);
  return control.state(VICTIM) == VM_PAUSED && control.order(HL_VM_RESUME, VICTIM) == 0;
}

function isAtWork(vm: u64): bool {
  const state = control.state(vm);
  return state == VM_RUNNING || state == VM_LOADING;
}

/** Disturbs the victim until VM `watched` is off, then stops all others. */
export function until(watched: u64): void {
  let turn: u64 = 1;
  let right = true;
  for (; isAtWork(watched); turn++) {
    if (!disturb(turn)) right = false;
    timer.sleep(STEP);
  }
  for (let vm = VICTIM; vm < control.count(); vm++) control.order(HL_VM_STOP, vm);
  console.line("disturb", "%d turns", turn - 1);
  score.holds("disturbed", right && turn > PAUSES);
}
