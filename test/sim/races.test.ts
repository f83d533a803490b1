// The sanitizer of races: what orders two accesses and what does not; systems whose CPUs are in each other's midst have none; and each kind of mistake in
// the core is caught, by the names of the functions and of the field.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Violation } from "../../sim/faults.ts";
import { Races } from "../../sim/races.ts";
import { World, type WorldMode } from "../../sim/world/world.ts";
import { live } from "./lives.ts";
import { type Change, plantedBytes } from "./planted.ts";
import { secondMode } from "./second-mode.ts";

const [WORD, FLAG] = [0x100, 0x200];
const [READER, WRITER] = [0, 10];

const races = (): Races =>
  new Races(
    0x1000,
    [
      [READER, "reader"],
      [WRITER, "writer"],
    ],
    (at) => `0x${at.toString(16)}`,
  );
const read = (of: Races, cpu: number, at = WORD, bytes = 4): void => of.read(cpu, READER + 1, bytes, at);
const write = (of: Races, cpu: number, at = WORD, bytes = 4): void => of.write(cpu, WRITER, bytes, at);

const violates = (action: () => unknown, message: RegExp): void => {
  assert.throws(action, (error) => error instanceof Violation && message.test(error.message));
};

test("a write and a read, or a write, that nothing orders", () => {
  const of = races();
  write(of, 0);
  violates(() => read(of, 1), /race on 0x100: CPU 1 reads in reader what CPU 0 has written in writer, and nothing orders them/);
  violates(() => write(of, 1), /CPU 1 writes in writer what CPU 0 has written in writer/);
  write(of, 0);
});

test("a store with release, and a load of it, order what is before the one and behind the other", () => {
  const of = races();
  write(of, 0);
  of.store(0, FLAG);
  of.load(1, FLAG);
  read(of, 1);
  write(of, 1);
  violates(() => read(of, 0), /CPU 0 reads/);
});

test("what comes behind the store is not ordered", () => {
  const of = races();
  of.store(0, FLAG);
  write(of, 0);
  of.load(1, FLAG);
  violates(() => read(of, 1), /CPU 1 reads/);
});

test("nor is what another CPU stored there before: a load sees the last store alone, and the rows of changes on it", () => {
  const of = races();
  write(of, 0);
  of.store(0, FLAG);
  of.store(1, FLAG);
  of.load(2, FLAG);
  violates(() => read(of, 2), /CPU 2 reads/);
  const other = races();
  write(other, 0);
  other.store(0, FLAG);
  other.change(1, FLAG);
  other.load(2, FLAG);
  read(other, 2);
});

test("several may read; who writes then must know of each", () => {
  const of = races();
  read(of, 0);
  read(of, 1);
  of.store(1, FLAG);
  of.load(2, FLAG);
  violates(() => write(of, 2), /CPU 2 writes in writer what CPU 0 has read in reader/);
  of.change(0, FLAG);
  of.load(2, FLAG);
  write(of, 2);
});

test("an atomic access and another one are a race; two atomics are none", () => {
  const of = races();
  of.store(0, WORD);
  of.change(1, WORD);
  of.load(2, WORD);
  of.store(3, WORD);
  violates(() => read(of, 4), /CPU 4 reads in reader what CPU 0 has stored by an atomic/);
  violates(() => write(of, 4), /CPU 4 writes/);
  const plain = races();
  write(plain, 0);
  violates(() => plain.load(1, WORD), /CPU 1 loads by an atomic in .* what CPU 0 has written in writer/);
  const seen = races();
  read(seen, 0);
  seen.load(1, WORD);
  violates(() => seen.store(1, WORD), /CPU 1 stores by an atomic .* what CPU 0 has read in reader/);
});

test("bytes beside each other are not the same, those that two accesses share are", () => {
  const of = races();
  write(of, 0, WORD, 1);
  write(of, 1, WORD + 1, 1);
  write(of, 2, WORD + 2, 2);
  violates(() => read(of, 3, WORD + 1, 1), /0x101: .* what CPU 1 has written/);
  violates(() => read(of, 2, WORD, 4), /0x100: .* what CPU 0 has written/);
});

test("a CPU that is started knows what the other one did before", () => {
  const of = races();
  write(of, 0);
  of.start(0, 1);
  of.begin(1, 0);
  read(of, 1);
  write(of, 0, WORD + 4);
  violates(() => read(of, 1, WORD + 4), /CPU 1 reads/);
});

test("vectors.S saves and loads a vCPU's registers: no two CPUs with nothing between", () => {
  const of = races();
  of.begin(0, WORD);
  of.end(0, WORD);
  violates(() => of.begin(1, WORD), /CPU 1 writes in an exit what CPU 0 has/);
});

/** Worlds of three or four CPUs. */
const SEEDS = [1, 3, 12, 24];
const EXITS = 2500;

for (const mode of ["inside", "whole"] satisfies WorldMode[]) {
  test(`no races, ${mode} exits`, async () => {
    for (const seed of SEEDS) await new World({ seed, mode, races: true }).live(EXITS);
  });
}

test("no races where a VM is made that was destroyed before", async () => {
  await new World({ seed: 23, mode: "whole", races: true }).live(33_000);
});

/** What a system reports within some thousand exits. */
const reported = async (name: string, change: Change): Promise<string> => {
  const core = await plantedBytes(name, [change]);
  for (let seed = 1; seed <= 8; seed++) {
    const instruments = { accesses: true };
    try {
      await secondMode({ seed, core, instruments, cpus: 3, vms: [{ vcpus: 2 }, { vcpus: 2 }], act: live }).run(1500);
    } catch (thrown) {
      if (!(thrown instanceof Violation)) throw thrown;
      return thrown.message;
    }
  }
  return "nothing";
};

test("planted: a plain load of what is shared", async () => {
  const find = "const on = loadedOn(vcpu);\n  return";
  const message = await reported("race-load", {
    file: "src/sched/list.ts",
    find,
    replace: "const on = vcpu.loadedOn;\n  return",
  });
  assert.match(message, /race on Vcpu.loadedOn of vCPU \d of VM \d .* in src\/sched\//);
});

test("planted: a plain store of what is read without the lock", async () => {
  const find = 'share(word, offsetof<IrqWord>("enabled"), word.enabled | value);';
  const change = { file: "src/devices/vgic-registers.ts", find, replace: "word.enabled |= value;" };
  assert.match(await reported("race-store", change), /race on IrqWord.enabled of VM \d .* src\/devices\/vgic-registers/);
});

test("planted: a lock that is not taken", async () => {
  const find = "  enter();\n  const slept = vcpu.state == VcpuState.BLOCKED;\n  if (slept) makeReady(vcpu);\n  leave();";
  const change = { file: "src/sched/sched.ts", find, replace: find.replace("  enter();\n", "").replace("\n  leave();", "") };
  assert.match(await reported("race-unlocked", change), /race on .* src\/sched\//);
});

test("planted: an SGI that may come before the request that it is for", async () => {
  const find = "  barrier.dsbIshst();\n  sysreg.writeIccSgi1rEl1";
  const change = { file: "src/drivers/gicv3.ts", find, replace: "  sysreg.writeIccSgi1rEl1" };
  assert.match(await reported("race-sgi", change), /an SGI is sent before the dsb/);
});
