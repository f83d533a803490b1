// Every call of VM control in every state of a VM: what is not due is DENIED and changes nothing; what is due does what it says.

import {
  DENIED,
  HL_VM_CREATE,
  HL_VM_DESTROY,
  HL_VM_NAME,
  HL_VM_PAUSE,
  HL_VM_RESET,
  HL_VM_RESUME,
  HL_VM_START,
  HL_VM_STOP,
  INVALID_PARAMETERS,
  VM_ABSENT,
  VM_CRASHED,
  VM_OFF,
  VM_PAUSED,
  VM_RUNNING,
} from "../../build/gen/calls";
import { SHARED_BASE } from "../../build/gen/guest";
import * as console from "../lib/console";
import * as control from "../lib/control";
import * as access from "../lib/hal/access";
import * as call from "../lib/hal/call";
import * as score from "../lib/score";
import * as timer from "../lib/timer";

const SELF: u64 = 0;
/** Counts in the shared region for ever. */
const TARGET: u64 = 1;
/** Crashes at once. */
const CRASHER: u64 = 2;
/** "spinner", the first byte lowest. */
const TARGET_NAME: u64 = 0x0072656e6e697073;
/** What it does not count up to. */
const NEVER_REACHED: u64 = (1 as u64) << 60;
/** Microseconds in which a VM that runs counts on. */
const WHILE: u64 = 30000;

/** Whether the target counts on. */
function counts(): bool {
  const before = access.read64(SHARED_BASE);
  timer.sleep(WHILE);
  return access.read64(SHARED_BASE) != before;
}

/** Waits until it counts on: whoever has just started does so soon. */
function startsCounting(): bool {
  for (let tries: u32 = 0; tries < 50; tries++) {
    if (counts()) return true;
  }
  return false;
}

/** Whether a call is due in a state. */
function isDue(what: u32, state: u64): bool {
  switch (what) {
    case HL_VM_CREATE:
      return state == VM_ABSENT;
    case HL_VM_START:
      return state == VM_OFF || state == VM_CRASHED;
    case HL_VM_PAUSE:
      return state == VM_RUNNING;
    case HL_VM_RESUME:
      return state == VM_PAUSED;
    default:
      return state != VM_ABSENT;
  }
}

/** Tries every call that is not due. */
function refuse(name: string, vm: u64, state: u64): void {
  let refused = control.awaitState(vm, state);
  for (let what = HL_VM_CREATE; what <= HL_VM_DESTROY; what++) {
    if (isDue(what, state)) continue;
    if (control.order(what, vm) != DENIED || control.state(vm) != state) {
      console.line("", "call 0x%x in state %d", what, state);
      refused = false;
    }
  }
  score.holds(name, refused);
}

/** A call that is due, and the state that it leads to. */
function lead(name: string, what: u32, vm: u64, state: u64): void {
  const answer = control.order(what, vm);
  score.holds(name, answer == 0 && control.awaitState(vm, state));
}

function wrongArguments(): void {
  const count = control.count();
  let refused = true;
  for (let what = HL_VM_CREATE; what <= HL_VM_DESTROY; what++) {
    if (control.order(what, count) != INVALID_PARAMETERS) refused = false;
    if (control.order(what, ((1 as u64) << 32) | TARGET) != INVALID_PARAMETERS) refused = false;
    if (control.order(what, control.UNKNOWN) != INVALID_PARAMETERS) refused = false;
  }
  score.holds("nobody", refused);
  score.same("count", count, 3);
  score.same("name", control.name(TARGET), TARGET_NAME);
  score.same("name-behind-its-end", call.hvc(HL_VM_NAME, TARGET, 32, 0), INVALID_PARAMETERS);
  score.same("name-in-the-middle", call.hvc(HL_VM_NAME, TARGET, 3, 0), INVALID_PARAMETERS);
  score.same("its-own-state", control.state(SELF), VM_RUNNING);
}

/** The target through all of its states. Whoever does not start by itself is absent at first. */
function walk(): void {
  refuse("refused-when-absent", TARGET, VM_ABSENT);
  lead("create", HL_VM_CREATE, TARGET, VM_OFF);
  refuse("refused-when-off", TARGET, VM_OFF);
  lead("start", HL_VM_START, TARGET, VM_RUNNING);
  score.holds("runs", startsCounting());
  refuse("refused-when-running", TARGET, VM_RUNNING);
  lead("pause", HL_VM_PAUSE, TARGET, VM_PAUSED);
  timer.sleep(WHILE);
  score.holds("stands-still", !counts());
  refuse("refused-when-paused", TARGET, VM_PAUSED);
  lead("resume", HL_VM_RESUME, TARGET, VM_RUNNING);
  score.holds("runs-on", startsCounting());
  access.write64(SHARED_BASE, NEVER_REACHED);
  lead("reset", HL_VM_RESET, TARGET, VM_RUNNING);
  score.holds("runs-anew", startsCounting() && access.read64(SHARED_BASE) < NEVER_REACHED);
  lead("pause-again", HL_VM_PAUSE, TARGET, VM_PAUSED);
  lead("reset-when-paused", HL_VM_RESET, TARGET, VM_RUNNING);
  score.holds("runs-after-a-reset", startsCounting());
  lead("stop", HL_VM_STOP, TARGET, VM_OFF);
  timer.sleep(WHILE);
  score.holds("is-still-when-off", !counts());
  lead("stop-when-off", HL_VM_STOP, TARGET, VM_OFF);
  lead("reset-when-off", HL_VM_RESET, TARGET, VM_RUNNING);
  lead("destroy-when-running", HL_VM_DESTROY, TARGET, VM_ABSENT);
  lead("create-again", HL_VM_CREATE, TARGET, VM_OFF);
  lead("destroy-when-off", HL_VM_DESTROY, TARGET, VM_ABSENT);
}

/** One that crashes: it stays as it is until somebody decides. */
function crashes(): void {
  lead("create-another", HL_VM_CREATE, CRASHER, VM_OFF);
  lead("crashes", HL_VM_START, CRASHER, VM_CRASHED);
  score.same("crashed-once", control.crashes(CRASHER), 1);
  refuse("refused-when-crashed", CRASHER, VM_CRASHED);
  lead("crashes-again", HL_VM_START, CRASHER, VM_CRASHED);
  score.same("crashed-twice", control.crashes(CRASHER), 2);
  lead("stop-when-crashed", HL_VM_STOP, CRASHER, VM_OFF);
  lead("destroy-what-crashed", HL_VM_DESTROY, CRASHER, VM_ABSENT);
}

export function cases(): void {
  wrongArguments();
  walk();
  crashes();
}
