// The console's lock, of a CPU that crashes (src/log/guard.ts): it waits for whoever has it, not for ever, and has it for good then.

import assert from "node:assert/strict";
import { test } from "node:test";
import { instantiate } from "../../../sim/compiled.ts";
import { atomics } from "./atomics.ts";
import { compilePart } from "./part.ts";

interface Guard {
  readonly memory: WebAssembly.Memory;
  readonly enter: () => void;
  readonly leave: () => void;
  readonly seize: () => number;
}

const compiled = await compilePart("console-lock", `export { enter, leave, seize } from "../../src/log/guard";\n`);

/** The lock, on several CPUs, of which `cpu` acts; `relax`: while it waits. */
class Board {
  cpu = 0;
  waits = 0;
  relax: () => void = () => {};
  readonly guard: Guard;

  constructor() {
    const view = (): DataView => new DataView(this.guard.memory.buffer);
    this.guard = instantiate<Guard>(compiled, {
      cpu: {
        number: () => this.cpu,
        relax: () => {
          this.waits++;
          this.relax();
        },
      },
      atomic: atomics(view),
    });
  }

  /** What a CPU does. */
  on<T>(cpu: number, action: (guard: Guard) => T): T {
    const before = this.cpu;
    this.cpu = cpu;
    const result = action(this.guard);
    this.cpu = before;
    return result;
  }
}

test("a lock that nobody has is taken at once, and for good; the second time is told from the first", () => {
  const board = new Board();
  assert.equal(
    board.on(1, ({ seize }) => seize()),
    1,
  );
  assert.equal(
    board.on(1, ({ seize }) => seize()),
    0,
  );
  board.on(1, ({ enter, leave }) => [enter(), leave(), enter(), leave()]);
  assert.equal(board.waits, 0);
  board.relax = () => {
    throw new Error("it waits");
  };
  assert.throws(() => board.on(0, ({ enter }) => enter()), /it waits/, "nobody else gets it any more");
});

test("who has it may finish: it is taken when it has been given back", () => {
  const board = new Board();
  board.on(0, ({ enter }) => enter());
  board.relax = () => {
    if (board.waits === 10) board.on(0, ({ leave }) => leave());
  };
  assert.equal(
    board.on(1, ({ seize }) => seize()),
    1,
  );
  assert.equal(board.waits, 10);
});

test("from who is stuck it is taken all the same, after a million looks, and from the CPU itself as well", () => {
  for (const cpu of [0, 1]) {
    const board = new Board();
    board.on(0, ({ enter }) => enter());
    assert.equal(
      board.on(cpu, ({ seize }) => seize()),
      1,
    );
    assert.equal(board.waits, 2 ** 20);
    board.on(cpu, ({ enter }) => enter());
    assert.equal(board.waits, 2 ** 20, "it has it");
  }
});
