// Attacks by waiting, spinning and timers: rows 46 and 47.

import assert from "node:assert/strict";
import { guest as guestMachine } from "../../../abi/guest.ts";
import { trappedRegisters } from "../../../abi/sysregs.ts";
import { ec, type Guest } from "../../../sim/guest.ts";
import { call } from "../../unit/core/call.ts";
import { attack } from "./attack.ts";
import { drain, ENTRY, NONE, openInterrupts } from "./guests.ts";
import { HEALTHY, HOSTILE, MS, type Scene } from "./scene.ts";

const { RTC_BASE } = guestMachine;
const { ICC_SGI1R_EL1, CNTP_CTL_EL0, CNTP_CVAL_EL0, CNTP_TVAL_EL0, CNTPCT_EL0 } = trappedRegisters;
const SECOND = 1000n * MS;
const MAX = 0xffff_ffff_ffff_ffffn;

const sgi = (intid: number, targets: bigint): bigint => (BigInt(intid) << 24n) | targets;

/** All vCPUs of the hostile VM on, with every interrupt let through. */
const openAll = (scene: Scene): number[] => {
  const numbers = scene.startAll();
  for (const n of numbers) openInterrupts(scene.vcpu(HOSTILE, n), n);
  return numbers;
};

attack(
  46,
  "WFI with an interrupt pending that PSTATE masks goes on at once; without one it blocks until one comes, and wakes once",
  (scene) => {
    openAll(scene);
    const wait = (guest: Guest): void => guest.exception(ec.WFX, 0n);
    for (let round = 0; round < 5; round++) {
      scene.hostile.msr(ICC_SGI1R_EL1, sgi(3, 1n));
      const guest = scene.hostile;
      guest.pstate |= 0x80n;
      guest.pc = ENTRY;
      wait(guest);
      assert.ok(guest.where !== undefined, "it did not wait");
      assert.equal(guest.pc, ENTRY + 4n);
      assert.deepEqual(drain(guest), [3]);
      wait(guest);
      assert.equal(guest.where, undefined);
      scene.machine.run.advance(20n * MS);
      assert.equal(guest.where, undefined, "nothing came");
      scene.vcpu(HOSTILE, 1).msr(ICC_SGI1R_EL1, sgi(4, 1n));
      const again = scene.hostile;
      assert.deepEqual(drain(again), [4]);
    }
  },
  { hostile: { vcpus: 2 } },
);

/** What a guest does with its time, a piece of 20 microseconds each. */
const habits: Record<string, (guest: Guest) => void> = {
  "spins for ever": () => undefined,
  "executes WFI in a loop": (guest) => guest.wfi(),
  "yields in a loop": (guest) => call(guest, "HL_YIELD"),
  "suspends in a loop": (guest) => call(guest, "PSCI_CPU_SUSPEND_64", 0, 0, 0),
  "wakes itself all the time": (guest) => {
    guest.msr(CNTP_TVAL_EL0, 1n);
    guest.msr(CNTP_CTL_EL0, 1n);
    guest.wfi();
    const intid = guest.where === undefined ? NONE : guest.acknowledge();
    if (intid !== NONE) guest.end(intid);
  },
  "sends itself SGIs": (guest) => {
    guest.msr(ICC_SGI1R_EL1, sgi(1, 1n));
    drain(guest);
  },
};

for (const policy of ["priority", "share"] as const) {
  for (const [name, habit] of Object.entries(habits)) {
    attack(
      46,
      "a VM that spins, waits, yields, wakes or interrupts itself without end leaves the one that shares its CPU half of it or more",
      (scene) => {
        openInterrupts(scene.hostile);
        const pieces = 8000;
        let had = 0;
        for (let n = 0; n < pieces; n++) {
          const guest = scene.machine.running(HOSTILE);
          if (guest !== undefined) habit(guest);
          if (scene.machine.running(HEALTHY) !== undefined) had++;
          scene.machine.run.advance(MS / 50n);
        }
        assert.ok(had / pieces > 0.485, `it ${name}: ${(100 * had) / pieces} %`);
      },
      { system: { scheduler: { policy, slice: 5000 } }, places: ["together"] },
    );
  }
}

attack(
  46,
  "a VM with eight vCPUs and a cap that all spin has its cap, and the healthy VM the rest",
  (scene) => {
    scene.startAll();
    scene.machine.run.advance(300n * MS);
    const share = scene.shareOf(HEALTHY, 1000);
    assert.ok(share > 77 && share < 83, `${share} %`);
  },
  { hostile: { vcpus: 8, cap: 20 }, system: { scheduler: { policy: "share", slice: 5000 } }, places: ["together"] },
);

/** The timers of a guest by one name. */
const timers: Record<
  string,
  { intid: number; set: (guest: Guest, compare: bigint, control: bigint) => void; now: (guest: Guest) => bigint }
> = {
  physical: {
    intid: 30,
    set: (guest, compare, control) => {
      guest.msr(CNTP_CVAL_EL0, compare);
      guest.msr(CNTP_CTL_EL0, control);
    },
    now: (guest) => guest.mrs(CNTPCT_EL0),
  },
  virtual: {
    intid: 27,
    set: (guest, compare, control) => {
      guest.setSysreg("CNTV_CVAL_EL0", compare);
      guest.setSysreg("CNTV_CTL_EL0", control);
    },
    now: (guest) => guest.cpu.timer.virtualCount,
  },
};

for (const [name, timer] of Object.entries(timers)) {
  attack(
    47,
    "a timer in the past fires once until it is seen to; at the maximum, disabled or masked never; EL2 is not stormed",
    (scene) => {
      openInterrupts(scene.hostile);
      const { machine } = scene;
      const { set, now, intid } = timer;
      const calls = (time: bigint): number => {
        const before = machine.calls;
        machine.run.advance(time);
        return machine.calls - before;
      };
      const idle = calls(SECOND);
      for (const compare of [0n, 1n, now(scene.hostile) - 1n, now(scene.hostile)]) {
        set(scene.hostile, compare, 1n);
        scene.hostile.poll();
        assert.equal(scene.hostile.acknowledge(), intid, `${name}: ${compare}`);
        // It is active, and nobody sees to it: nothing more happens, however long.
        assert.ok(calls(SECOND) < 2 * idle + 500, `${name}: a storm`);
        assert.equal(scene.hostile.acknowledge(), NONE);
        set(scene.hostile, MAX, 0n);
        scene.hostile.end(intid);
        assert.deepEqual(drain(scene.hostile), []);
      }
      for (const [compare, control] of [
        [MAX, 1n],
        [MAX - 1n, 1n],
        [1n << 63n, 1n],
        [0n, 0n],
        [0n, 2n],
        [0n, 3n],
      ] as const) {
        set(scene.hostile, compare, control);
        assert.ok(calls(SECOND) < 2 * idle + 500, `${name}: a storm with ${compare}, ${control}`);
        assert.deepEqual(drain(scene.hostile), [], `${name}: ${compare}, ${control}`);
      }
    },
  );

  attack(
    47,
    "a timer that comes while its vCPU sleeps or has no CPU wakes it, or waits for it: one interrupt, at its time",
    (scene) => {
      openInterrupts(scene.hostile);
      const { set, now, intid } = timer;
      for (let round = 0; round < 5; round++) {
        const guest = scene.hostile;
        const from = scene.machine.counter.count;
        set(guest, now(guest) + 30n * MS, 1n);
        guest.exception(ec.WFX, 0n);
        assert.equal(guest.where, undefined);
        scene.machine.run.advance(29n * MS);
        assert.equal(guest.where, undefined, "not before its time");
        scene.machine.run.advance(MS);
        const again = scene.hostile;
        assert.ok(scene.machine.counter.count - from <= 40n * MS, "in time");
        assert.equal(again.acknowledge(), intid);
        set(again, MAX, 0n);
        again.end(intid);
        assert.deepEqual(drain(again), []);
      }
      // While it is paused its time stands still.
      const guest = scene.hostile;
      set(guest, now(guest) + 10n * MS, 1n);
      scene.control("PAUSE", HOSTILE);
      scene.machine.run.advance(SECOND);
      scene.control("RESUME", HOSTILE);
      if (scene.place === "apart") assert.deepEqual(drain(scene.hostile), [], "not yet");
      scene.machine.run.advance(30n * MS);
      const last = scene.hostile;
      assert.equal(last.acknowledge(), intid);
      set(last, MAX, 0n);
      last.end(intid);
    },
    { controller: true },
  );
}

attack(
  47,
  "an alarm of the clock in the past, at the end of its seconds, and set again and again: one interrupt each, no storm",
  (scene) => {
    openInterrupts(scene.hostile);
    const RTC_INTID = 34;
    const alarm = (guest: Guest, seconds: bigint): void => {
      guest.store(RTC_BASE + 0x10, 1n);
      guest.store(RTC_BASE + 0x04, seconds & 0xffff_ffffn);
    };
    const now = (): bigint => scene.hostile.load(RTC_BASE, { rt: 4 });
    for (const seconds of [0n, 1n, now(), now() - 1n]) {
      alarm(scene.hostile, seconds);
      assert.equal(scene.hostile.acknowledge(), RTC_INTID);
      scene.hostile.store(RTC_BASE + 0x1c, 1n);
      scene.hostile.end(RTC_INTID);
      assert.deepEqual(drain(scene.hostile), []);
    }
    const before = scene.machine.calls;
    for (let n = 0n; n < 100n; n++) alarm(scene.hostile, now() + (n % 2n === 0n ? 0x7fff_ffffn : 1000n));
    const setting = scene.machine.calls - before;
    assert.ok(setting < 100_000, `${setting} calls for 100 alarms`);
    scene.machine.run.advance(2n * SECOND);
    assert.deepEqual(drain(scene.hostile), []);
  },
);
