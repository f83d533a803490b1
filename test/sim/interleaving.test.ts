// The machine's second mode: CPUs are in the middle of their exits at once, in an order that the seed alone says; and what it shows that whole exits
// do not: VMs of the boot that would run before all of them are there.

import assert from "node:assert/strict";
import { test } from "node:test";
import { callId } from "../../sim/call-ids.ts";
import { Interleaved } from "../../sim/interleaved.ts";
import { start } from "../../sim/start.ts";
import { live } from "./lives.ts";
import { type Change, plantedBytes } from "./planted.ts";
import { type SecondMode, type SecondModeOptions, secondMode } from "./second-mode.ts";

const [NULL, SYSTEM_OFF] = [callId("HL_NULL"), callId("PSCI_SYSTEM_OFF")];

const twoByTwo = (seed: number, more: Partial<SecondModeOptions> = {}): SecondMode =>
  secondMode({ seed, cpus: 3, vms: [{ vcpus: 2 }, { vcpus: 2 }], act: live, ...more });

test("the same seed is the same run, to the last call; another one is another", async () => {
  const outcome = async (seed: number): Promise<unknown[]> => {
    const { machine, mode, run, digest } = twoByTwo(seed);
    await run(3000);
    return [machine.run.exits, machine.calls, mode.turns, machine.counter.count, digest()];
  };
  const first = await outcome(1);
  assert.deepEqual(await outcome(1), first);
  assert.notDeepEqual(await outcome(2), first);
});

test("CPUs are in the middle of their exits at once", async () => {
  const { machine, mode, run } = twoByTwo(3);
  let most = 0;
  const step = mode.step.bind(mode);
  mode.step = () => {
    most = Math.max(most, machine.cpus.filter(({ isInside }) => isInside).length);
    return step();
  };
  await run(1000);
  assert.equal(most, 3);
});

test("every exit comes to its end, and exits are whole ones afterwards", async () => {
  const { machine, mode, run } = twoByTwo(4);
  await run(1000);
  await mode.until(() => machine.cpus.filter(({ isInside }) => isInside).length > 1);
  assert.throws(() => mode.stop(), /in the middle of an exit/);
  await mode.finish();
  mode.stop();
  const { exits } = machine.run;
  const { guest } = machine.cpus.find(({ vcpu }) => vcpu !== 0) ?? {};
  assert.equal(guest?.hvc(NULL), 0n);
  assert.ok(machine.run.exits > exits);
});

test("a guest comes to the core once in an act", async () => {
  const { run } = twoByTwo(5, { act: (guest) => [guest.hvc(NULL), guest.hvc(NULL)] });
  await assert.rejects(run(1000), /comes to the core twice/);
});

test("a core without points has no second mode", () => {
  assert.throws(() => new Interleaved(start().machine, { seed: 1, act: () => undefined }), /no points/);
});

/** Two VMs that switch themselves off as soon as they run: which of them have run when the board is off. */
const haveRun = async (seed: number, core?: Uint8Array): Promise<ReadonlySet<number>> => {
  const seen = new Set<number>();
  const act: SecondModeOptions["act"] = (guest, { vm }) => {
    seen.add(vm);
    guest.hvc(SYSTEM_OFF);
  };
  const isOff = await secondMode({ seed, cpus: 2, vms: [{}, {}], act, ...(core && { core }) }).run(2000);
  assert.ok(isOff);
  return seen;
};

const SEEDS = Array.from({ length: 12 }, (_, n) => n + 1);

test("no VM of the boot runs before all have been started: the run would end without the rest", async () => {
  for (const seed of SEEDS) assert.equal((await haveRun(seed)).size, 2, `seed ${seed}`);
});

/** The gate in traps/boot.ts, opened. */
const GATE: Change = {
  file: "src/traps/boot.ts",
  find: "return atomic.load32(started) == 0 ? changetype<Vcpu>(0) : run.choose();",
  replace: "return run.choose();",
};

test("planted: with the gate of the boot open, a VM ends the run before the other one has run", async () => {
  const core = await plantedBytes("open-gate", [GATE]);
  const sizes = [];
  for (const seed of SEEDS) sizes.push((await haveRun(seed, core)).size);
  assert.ok(sizes.includes(1), `VMs that have run, by seed: ${sizes}`);
});
