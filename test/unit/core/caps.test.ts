// Caps of the policy of proportional shares: what a VM gets that is alone on its CPU, and that its sleep costs it nothing.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gicd } from "../../../abi/gic.ts";
import { guest as machine } from "../../../abi/guest.ts";
import type { Guest } from "../../../sim/guest.ts";
import { intids } from "../../../sim/interrupts.ts";
import type { Machine } from "../../../sim/machine.ts";
import { startSystem } from "../../../sim/start.ts";

/** Counts. */
const MS = 62_500n;
const VTIMER = intids.VIRTUAL_TIMER;

const capped = (cap: number): Machine => startSystem({ vms: [{ cap }], scheduler: { policy: "share", slice: 5000 } });

/** Lets the virtual timer through, and nothing else. */
const openTimer = (guest: Guest): void => {
  const frame = machine.GICR_BASE + 0x1_0000;
  guest.store(machine.GICD_BASE, 2n);
  guest.store(frame + gicd.GICD_IGROUPR, 0xffff_ffffn);
  guest.store(frame + gicd.GICD_ISENABLER, 1n << BigInt(VTIMER));
  guest.openInterrupts();
};

const setTimer = (guest: Guest, deadline: bigint): void => {
  guest.setSysreg("CNTV_CVAL_EL0", deadline);
  guest.setSysreg("CNTV_CTL_EL0", 1n);
};

for (const cap of [1, 10, 50, 99, 100]) {
  test(`a VM that is alone gets its cap: ${cap} %`, () => {
    const board = capped(cap);
    // Not at the start of a period.
    board.run.advance(50n * MS);
    const [step, steps] = [MS / 4n, 8000];
    let ran = 0;
    for (let n = 0; n < steps; n++) {
      if (board.running(0) !== undefined) ran++;
      board.run.advance(step);
    }
    const percent = (100 * ran) / steps;
    assert.ok(Math.abs(percent - cap) < 2, `${percent} %`);
  });
}

test("a VM with a cap that sleeps nearly all the time is woken in time", () => {
  const board = capped(10);
  const guest = board.running(0)!;
  openTimer(guest);
  let deadline = board.timer.virtualCount;
  const base = board.counter.count - deadline;
  for (let n = 0; n < 300; n++) {
    deadline += MS;
    setTimer(guest, deadline);
    guest.wfi();
    while (!(board.running(0) === guest && guest.isSignalled)) {
      board.run.advance(MS / 100n);
      assert.ok(board.counter.count - base < deadline + MS, `turn ${n} is late`);
    }
    assert.equal(guest.acknowledge(), VTIMER);
    guest.setSysreg("CNTV_CTL_EL0", 0n);
    guest.end(VTIMER);
  }
});

test("a CPU that idles because a cap is used up holds no interrupt that would end its wait", () => {
  const board = capped(10);
  openTimer(board.running(0)!);
  setTimer(board.running(0)!, 0n);
  board.run.advance(50n * MS);
  assert.equal(board.running(0), undefined);
  assert.equal(board.cpu(0).registers.read("ICH_LR0_EL2") >> 62n, 0n);
});

test("a CPU that stops for long while it has a VM with a cap does not make that wait for ever", () => {
  const board = capped(1);
  board.timer.advance(10_000n * MS);
  board.run.settle();
  assert.equal(board.running(0), undefined);
  board.run.advance(1100n * MS);
  assert.notEqual(board.running(0)?.vcpu ?? 0, 0);
});
