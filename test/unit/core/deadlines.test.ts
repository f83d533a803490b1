// The heaps of deadlines (src/sched/deadlines.ts), compiled alone, against a list that is sorted: whatever comes, goes, moves to another CPU or changes
// its time, each CPU wakes its vCPUs in the order of their deadlines, each once, and none too early.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { instantiate } from "../../../sim/compiled.ts";
import { type Core, Machine } from "../../../sim/machine.ts";
import { compilePart } from "./part.ts";
import { check } from "./property.ts";

interface Deadlines extends Core {
  vcpu(): number;
  cpu(number: number): number;
  setTimes(vcpu: number, timer: bigint, cap: bigint): void;
  update(cpu: number, vcpu: number): void;
  first(cpu: number): bigint;
  take(cpu: number, now: bigint): number;
}

const compiled = await compilePart(
  "deadlines",
  `import * as arena from "../../src/lib/arena";
import * as cpus from "../../src/sched/cpus";
import { Cpu } from "../../src/sched/cpus";
import { Vcpu } from "../../src/vm/records";
export { first, take, update } from "../../src/sched/deadlines";
export function vcpu(): Vcpu { return changetype<Vcpu>(arena.take(offsetof<Vcpu>(), 8)); }
export function cpu(number: u32): Cpu {
  cpus.describe(number, number);
  return cpus.at(number);
}
export function setTimes(vcpu: Vcpu, timer: u64, cap: u64): void {
  vcpu.timerDeadline = timer;
  vcpu.capDeadline = cap;
}
`,
);
const NEVER = 0xffff_ffff_ffff_ffffn;
const CPUS = 2;

/** The core's heaps, and what they should be. */
class Both {
  readonly #core: Deadlines;
  readonly #cpus: readonly number[];
  readonly #vcpus: readonly number[];
  /** By the vCPU's place: the CPU that wakes it, and when. */
  readonly #expected = new Map<number, { readonly cpu: number; readonly when: bigint }>();

  constructor(vcpus: number) {
    let parts: Deadlines | undefined;
    new Machine({
      core: (hal) => {
        parts = instantiate<Deadlines>(compiled, hal);
        return parts;
      },
    });
    this.#core = parts!;
    this.#cpus = Array.from({ length: CPUS }, (_, n) => this.#core.cpu(n));
    this.#vcpus = Array.from({ length: vcpus }, () => this.#core.vcpu());
  }

  update(cpu: number, vcpu: number, timer: bigint, cap: bigint): void {
    this.#core.setTimes(this.#vcpus[vcpu]!, timer, cap);
    this.#core.update(this.#cpus[cpu]!, this.#vcpus[vcpu]!);
    this.#expected.delete(vcpu);
    const when = timer < cap ? timer : cap;
    if (when !== NEVER) this.#expected.set(vcpu, { cpu, when });
  }

  /** The first of a CPU is the earliest there is. */
  compare(): void {
    for (const [n, cpu] of this.#cpus.entries()) {
      const whens = [...this.#expected.values()].filter((one) => one.cpu === n).map(({ when }) => when);
      const [first = NEVER] = whens.sort((a, b) => Number(a - b));
      assert.equal(BigInt.asUintN(64, this.#core.first(cpu)), first);
    }
  }

  /** Takes all whose time has come: in order, each with a deadline that has passed. */
  take(cpu: number, now: bigint): void {
    let last = 0n;
    for (let record = this.#take(cpu, now); record !== 0; record = this.#take(cpu, now)) {
      const vcpu = this.#vcpus.indexOf(record);
      const expected = this.#expected.get(vcpu);
      assert.equal(expected?.cpu, cpu);
      assert.ok(expected !== undefined && expected.when <= now && expected.when >= last);
      last = expected.when;
      this.#expected.delete(vcpu);
    }
    this.compare();
  }
  #take(cpu: number, now: bigint): number {
    return this.#core.take(this.#cpus[cpu]!, now);
  }
}

const VCPUS = 24;
const when = fc.oneof(fc.bigInt(0n, 40n), fc.constant(NEVER), fc.bigInt(0n, NEVER));
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ cpu: fc.nat(CPUS - 1), vcpu: fc.nat(VCPUS - 1), timer: when, cap: when }),
  },
  { weight: 1, arbitrary: fc.record({ cpu: fc.nat(CPUS - 1), now: fc.bigInt(0n, 50n) }) },
);

test("property: each CPU's vCPUs are woken in the order of their deadlines", () => {
  check(
    fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
      const both = new Both(VCPUS);
      for (const one of steps) {
        if ("now" in one) both.take(one.cpu, one.now);
        else both.update(one.cpu, one.vcpu, one.timer, one.cap);
        both.compare();
      }
      for (let cpu = 0; cpu < CPUS; cpu++) both.take(cpu, NEVER - 1n);
    }),
    100,
  );
});

test("of equal deadlines each is woken once, and one that is the same again stays", () => {
  const both = new Both(VCPUS);
  for (let n = 0; n < VCPUS; n++) both.update(0, n, 7n, NEVER);
  for (let n = 0; n < VCPUS; n++) both.update(0, n, 9n, 7n);
  both.take(0, 6n);
  both.take(0, 7n);
  both.compare();
});
