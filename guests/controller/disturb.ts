// Takes other VMs through pauses and resets, over and over, while VMs beside them work: those must not notice.

import { HL_VM_PAUSE, HL_VM_RESET, HL_VM_RESUME, HL_VM_STOP, VM_LOADING, VM_PAUSED, VM_RUNNING } from "../../build/gen/calls";
import * as console from "../lib/console";
import * as control from "../lib/control";
import * as score from "../lib/score";
import * as timer from "../lib/timer";

/** Microseconds of each step. */
const STEP: u64 = 50000;
/** Every so many pauses there is a reset. */
const PAUSES: u64 = 16;

/** One turn of a victim; whether it went as it should. One that is loading, or has just crashed, is left alone. */
function disturb(vm: u64, turn: u64): bool {
  if (control.state(vm) != VM_RUNNING) return true;
  if (turn % PAUSES == 0) return control.order(HL_VM_RESET, vm) == 0;
  if (control.order(HL_VM_PAUSE, vm) != 0) return true;
  timer.sleep(STEP);
  return control.state(vm) == VM_PAUSED && control.order(HL_VM_RESUME, vm) == 0;
}

function isAtWork(vm: u64): bool {
  const state = control.state(vm);
  return state == VM_RUNNING || state == VM_LOADING;
}

/** Disturbs VMs 1 to `victims` until VM `watched` is off, then stops them. */
export function until(victims: u64, watched: u64): void {
  let turn: u64 = 1;
  let right = true;
  for (; isAtWork(watched); turn++) {
    for (let vm: u64 = 1; vm <= victims; vm++) {
      if (!disturb(vm, turn)) right = false;
    }
    timer.sleep(STEP);
  }
  for (let vm: u64 = 1; vm <= victims; vm++) control.order(HL_VM_STOP, vm);
  console.line("controller", "%d turns", turn);
  score.holds("disturbed", right);
}
