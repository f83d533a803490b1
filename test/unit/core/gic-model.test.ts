// The virtual GIC against a model of what the architecture says (Arm IHI 0069, 4.1): random operations of the guest, on its distributor and its CPU interface,
// and of a device; after each, what is pending and active agrees, and what the guest acknowledges is the most urgent that there is.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { gicd, gicr } from "../../../abi/gic.ts";
import { guest as machine } from "../../../abi/guest.ts";
import { trappedRegisters } from "../../../abi/sysregs.ts";
import { type CpuModel, cortexA57, max } from "../../../sim/cpu-model.ts";
import type { Guest } from "../../../sim/guest.ts";
import { intids } from "../../../sim/interrupts.ts";
import { start } from "../../../sim/start.ts";
import { check } from "./property.ts";

const D = machine.GICD_BASE;
const SGI = machine.GICR_BASE + gicr.GICR_SGI_FRAME;
const NONE = 1023;
const IDLE = 0x100;

/** A few of each kind: SGIs, a PPI, SPIs, one of which is the clock's line. */
const used = [0, 1, 15, 20, 34, 40, 41, 63, 64, 95];

interface State {
  enabled: boolean;
  latch: boolean;
  line: boolean;
  active: boolean;
  edge: boolean;
  priority: number;
}

class Model {
  readonly states = new Map<number, State>();
  /** Interrupts that run, with the priority they were taken at. */
  readonly running: { readonly intid: number; readonly priority: number }[] = [];
  forwards = true;

  constructor() {
    for (const intid of used)
      this.states.set(intid, { enabled: false, latch: false, line: false, active: false, edge: intid < 16, priority: 0 });
  }
  at(intid: number): State {
    const state = this.states.get(intid);
    assert.ok(state !== undefined);
    return state;
  }
  isPending(intid: number): boolean {
    const { latch, line, edge } = this.at(intid);
    return latch || (line && !edge);
  }
  /** What may be acknowledged now: the most urgent of all, if it preempts. */
  candidates(mask: number): number[] {
    const ready = used.filter(
      (intid) => this.at(intid).enabled && this.isPending(intid) && !this.at(intid).active && this.forwards,
    );
    const best = Math.min(...ready.map((intid) => this.at(intid).priority));
    const running = Math.min(IDLE, ...this.running.map(({ priority }) => priority));
    return best < mask && best < running ? ready.filter((intid) => this.at(intid).priority === best) : [];
  }
}

const word = (intid: number): number => (intid < 32 ? SGI : D + 4 * (intid >> 5));
const bit = (intid: number): bigint => 1n << BigInt(intid & 31);

type Operation = (guest: Guest, model: Model) => void;

/** Sets a bit of a bank. */
const bank =
  (register: number, intid: number, effect: (state: State) => void): Operation =>
  (guest, model) => {
    guest.store(word(intid) + register, bit(intid));
    effect(model.at(intid));
  };

const some = fc.constantFrom(...used);
const shared = fc.constantFrom(...used.filter((intid) => intid >= 32));

const enable = some.map((intid) => bank(gicd.GICD_ISENABLER, intid, (state) => (state.enabled = true)));
const disable = some.map((intid) => bank(gicd.GICD_ICENABLER, intid, (state) => (state.enabled = false)));
const pend = some.map((intid) => bank(gicd.GICD_ISPENDR, intid, (state) => (state.latch = true)));
const unpend = some.map((intid) => bank(gicd.GICD_ICPENDR, intid, (state) => (state.latch = false)));

const prioritize = fc.tuple(some, fc.nat({ max: 31 })).map(
  ([intid, level]): Operation =>
    (guest, model) => {
      // What a change means for an interrupt that is active is up to the implementation (IHI 0069, 4.8).
      if (model.at(intid).active) return;
      guest.store((intid < 32 ? SGI : D) + gicd.GICD_IPRIORITYR + intid, BigInt(level * 8), { bytes: 1 });
      model.at(intid).priority = level * 8;
    },
);

const configure = fc.tuple(shared, fc.boolean()).map(
  ([intid, edge]): Operation =>
    (guest, model) => {
      // Changing the kind of an interrupt that is enabled is UNPREDICTABLE (12.9.11).
      if (model.at(intid).enabled) return;
      const at = D + gicd.GICD_ICFGR + 4 * (intid >> 4);
      const field = 2n << BigInt(2 * (intid & 15));
      const old = guest.load(at);
      guest.store(at, edge ? old | field : old & ~field);
      model.at(intid).edge = edge;
    },
);

const signal = fc.constantFrom(0, 1, 15).map(
  (intid): Operation =>
    (guest, model) => {
      guest.msr(trappedRegisters.ICC_SGI1R_EL1, (BigInt(intid) << 24n) | 1n);
      model.at(intid).latch = true;
    },
);

const clock = fc.boolean().map(
  (high): Operation =>
    (guest, model) => {
      if (high) guest.store(machine.RTC_BASE + 0x04, 1n);
      else guest.store(machine.RTC_BASE + 0x1c, 1n);
      const state = model.at(intids.RTC);
      if (high && !state.line && state.edge) state.latch = true;
      state.line = high;
    },
);

const forward = fc.boolean().map(
  (on): Operation =>
    (guest, model) => {
      guest.store(D, on ? 2n : 0n);
      model.forwards = on;
    },
);

const acknowledge =
  (depth: number): Operation =>
  (guest, model) => {
    if (model.running.length === depth) return;
    const candidates = model.candidates(guest.machine.virtual.priorityMask);
    const intid = guest.acknowledge();
    if (candidates.length === 0) {
      assert.equal(intid, NONE);
      return;
    }
    assert.ok(candidates.includes(intid), `acknowledged ${intid}, wanted one of ${candidates}`);
    const state = model.at(intid);
    state.active = true;
    state.latch = false;
    model.running.push({ intid, priority: state.priority });
  };

const end: Operation = (guest, model) => {
  const last = model.running.pop();
  if (last === undefined) return;
  guest.end(last.intid);
  model.at(last.intid).active = false;
};

const begin = (cpu: CpuModel): Guest => {
  const guest = start({ machine: { cpu } });
  guest.store(machine.GICR_BASE + gicr.GICR_WAKER, 0n);
  for (const base of [D + 4, D + 8, SGI]) guest.store(base + gicd.GICD_IGROUPR, 0xffff_ffffn);
  guest.store(D, 2n);
  guest.store(machine.RTC_BASE + 0x10, 1n);
  guest.openInterrupts();
  return guest;
};

const agree = (guest: Guest, model: Model): void => {
  for (const [base, intid0] of [
    [SGI, 0],
    [D + 4, 32],
    [D + 8, 64],
  ] as const) {
    const [pending, active] = [guest.load(base + gicd.GICD_ISPENDR), guest.load(base + gicd.GICD_ISACTIVER)];
    for (const intid of used) {
      if (intid < intid0 || intid >= intid0 + 32) continue;
      assert.equal((pending & bit(intid)) !== 0n, model.isPending(intid), `${intid} pending`);
      assert.equal((active & bit(intid)) !== 0n, model.at(intid).active, `${intid} active`);
    }
  }
};

// With four list registers, a fifth level of nesting has no room for what would preempt; see gic-delivery.test.ts for that.
for (const [cpu, depth] of [
  [cortexA57, 3],
  [max, 12],
] as const) {
  test(`${cpu.listRegisters} list registers: any operations, as the architecture says`, () => {
    const operation = fc.oneof(
      { arbitrary: enable, weight: 6 },
      { arbitrary: disable, weight: 2 },
      { arbitrary: pend, weight: 6 },
      { arbitrary: unpend, weight: 1 },
      { arbitrary: prioritize, weight: 3 },
      { arbitrary: configure, weight: 1 },
      { arbitrary: signal, weight: 3 },
      { arbitrary: clock, weight: 2 },
      { arbitrary: forward, weight: 1 },
      { arbitrary: fc.constant(acknowledge(depth)), weight: 6 },
      { arbitrary: fc.constant(end), weight: 5 },
    );
    check(
      fc.property(fc.array(operation, { minLength: 20, maxLength: 120 }), fc.boolean(), (operations, look) => {
        const guest = begin(cpu);
        const model = new Model();
        for (const one of operations) {
          one(guest, model);
          // Looking folds the list registers back: half of the runs do without.
          if (look) agree(guest, model);
        }
        agree(guest, model);
      }),
      60,
    );
  });
}
