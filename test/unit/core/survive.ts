// Boots from input that may be broken anywhere: the core starts a guest, or ends with one line that says why. It never traps, never goes in circles, never
// maps what it must not.

import assert from "node:assert/strict";
import { Absent, Halted, PowerOff } from "../../../sim/faults.ts";
import { boot, load, type StartOptions } from "../../../sim/start.ts";
import { shown } from "./log-lines.ts";

/** More than any boot takes: the default one makes some 20,000 calls. */
const CALL_LIMIT = 3_000_000;

/** Boots, and makes one call; anything but a guest or one clear message throws. `lies`: what the tree says of the board may be wrong. */
export const survive = (options: StartOptions, lies: boolean): void => {
  const machine = load(options);
  machine.callLimit = CALL_LIMIT;
  try {
    const guest = boot(machine);
    guest.hvc(0x8400_0000n);
    for (const { output, size } of guest.leaves) assert.ok(output >= 0x4400_0000 && size > 0);
  } catch (error) {
    if (lies && error instanceof Absent) return;
    // Without a psci node nobody can switch the board off.
    if (!(error instanceof PowerOff || (lies && error instanceof Halted))) throw error;
    const output = shown(machine.uart.output);
    // A tree that names no UART is for a board that has none: nothing is said.
    if (lies && output === "") return;
    assert.equal(output.match(/halted: /g)?.length, 1);
    assert.match(output, /<0>\[ {4}0\.000000\] halted: crash .{10,}\r\n$/);
  }
};
