// The sanitizer of locks: each of its rules refuses what breaks it, and each kind of mistake in the core is caught in a system that lives.

import assert from "node:assert/strict";
import { test } from "node:test";
import { lockPlaces } from "../../abi/locks.ts";
import { Violation } from "../../sim/faults.ts";
import { Locks } from "../../sim/locks.ts";
import { live } from "./lives.ts";
import { type Change, plantedBytes } from "./planted.ts";
import { secondMode } from "./second-mode.ts";

const [VM, OTHER_VM, SCHEDULER, MEMORY, NONE] = [0x100, 0x200, 0x300, 0x400, 0x500];

/** Three CPUs, and locks at these addresses, each of which serves ticket 0. */
const locks = (): Locks => {
  const view = new DataView(new ArrayBuffer(0x600));
  view.setUint32(VM + 8, lockPlaces.LOCK_VM, true);
  view.setUint32(OTHER_VM + 8, lockPlaces.LOCK_VM, true);
  view.setUint32(SCHEDULER + 8, lockPlaces.LOCK_SCHEDULER, true);
  view.setUint32(MEMORY + 8, lockPlaces.LOCK_MEMORY, true);
  return new Locks(3, () => view);
};

const acquire = (of: Locks, cpu: number, lock: number, ticket = 0): void => {
  of.draw(cpu, lock, ticket);
  of.look(cpu, lock + 4, ticket);
};
const release = (of: Locks, cpu: number, lock: number, ticket = 0): void => of.write(cpu, lock + 4, ticket + 1);

const violates = (action: () => unknown, message: RegExp): void => {
  assert.throws(action, (error) => error instanceof Violation && message.test(error.message));
};

test("locks are taken in their order, and given back in any", () => {
  const of = locks();
  for (const lock of [VM, SCHEDULER, MEMORY]) acquire(of, 0, lock);
  for (const lock of [VM, SCHEDULER, MEMORY]) release(of, 0, lock);
  of.leave(0);
  acquire(of, 0, SCHEDULER, 1);
  violates(() => of.draw(0, VM, 1), /takes LOCK_VM at 0x100 while it holds LOCK_SCHEDULER at 0x300: that is out of order/);
});

test("a CPU has one VM's lock at a time; two CPUs have one each", () => {
  const of = locks();
  acquire(of, 0, VM);
  acquire(of, 1, OTHER_VM);
  violates(() => of.draw(0, OTHER_VM, 1), /out of order/);
  violates(() => of.draw(0, VM, 1), /out of order/);
});

test("a lock is released by the CPU that took it, when its turn has come, for the next one", () => {
  const of = locks();
  acquire(of, 0, VM);
  of.draw(1, VM, 1);
  violates(() => release(of, 2, VM), /CPU 2 releases the lock at 0x100, which CPU 0 holds/);
  violates(() => release(of, 1, VM, 1), /before its turn/);
  violates(() => release(of, 0, VM, 7), /for ticket 8, not the next/);
  release(of, 0, VM);
  violates(() => release(of, 0, VM), /which nobody holds/);
  of.look(1, VM + 4, 1);
  release(of, 1, VM, 1);
});

test("tickets count from 2^32 - 1 to 0", () => {
  const of = locks();
  acquire(of, 0, VM, 0xffff_ffff);
  of.write(0, VM + 4, 0);
  of.leave(0);
});

test("no lock is held while a guest runs; a VM's and the console's alone while a CPU waits for something else than a lock", () => {
  const of = locks();
  acquire(of, 0, VM);
  of.relax(0);
  violates(() => of.leave(0), /leaves the core while it holds LOCK_VM/);
  acquire(of, 0, SCHEDULER);
  violates(() => of.relax(0), /waits while it holds LOCK_SCHEDULER/);
  of.draw(0, MEMORY, 1);
  of.relax(0);
  of.draw(1, MEMORY, 2);
  violates(() => of.leave(1), /waits for LOCK_MEMORY/);
});

test("what does not say its place is no lock", () => {
  violates(() => locks().draw(0, NONE, 0), /0x500, which is no lock/);
});

/** What a system reports within some thousand exits. */
const reported = async (name: string, changes: readonly Change[]): Promise<string> => {
  const core = await plantedBytes(name, changes);
  for (let seed = 1; seed <= 8; seed++) {
    try {
      await secondMode({ seed, core, cpus: 3, vms: [{ vcpus: 2 }, { vcpus: 2 }], act: live }).run(1000);
    } catch (thrown) {
      if (!(thrown instanceof Violation)) throw thrown;
      return thrown.message;
    }
  }
  return "nothing";
};

test("planted: a lock that is not released on one way out", async () => {
  const find = "  if (slept) makeReady(vcpu);\n  leave();";
  const message = await reported("lock-kept", [
    { file: "src/sched/sched.ts", find, replace: "  if (slept) makeReady(vcpu);\n  if (!slept) leave();" },
  ]);
  assert.match(message, /while it holds LOCK_SCHEDULER/);
});

test("planted: two locks in the wrong order", async () => {
  const find = "  guard.enter(vm);\n  vgic.restore(vcpu);";
  const replace = "  sched.enter();\n  guard.enter(vm);\n  sched.leave();\n  vgic.restore(vcpu);";
  const message = await reported("lock-order", [{ file: "src/devices/exchange.ts", find, replace }]);
  assert.match(message, /takes LOCK_VM at .* while it holds LOCK_SCHEDULER/);
});

test("planted: a lock that is released twice", async () => {
  const find = "  vtimer.loaded(vcpu);\n  guard.leave(vm);";
  const message = await reported("lock-twice", [
    { file: "src/devices/exchange.ts", find, replace: `${find}\n  guard.leave(vm);` },
  ]);
  assert.match(message, /releases the lock at .*, which nobody holds/);
});

test("planted: nobody waits for a turn", async () => {
  const find = "  if (!isServed(lock, ticket)) wait(lock, ticket);\n}\n\nfunction wait";
  const message = await reported("lock-hurry", [
    { file: "src/lib/lock.ts", find, replace: "  isServed(lock, ticket);\n}\n\nexport function wait" },
  ]);
  assert.match(message, /releases .* before its turn/);
});
