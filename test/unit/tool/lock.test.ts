// The lock among processes.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { withLock } from "../../../tool/lock.ts";
import { scratch } from "../scratch.ts";

test("one at a time", async () => {
  const file = join(scratch(), "folder/lock");
  let inside = 0;
  const results = await Promise.all(
    [1, 2, 3].map((value) =>
      withLock(file, async () => {
        inside += 1;
        assert.equal(inside, 1);
        await new Promise((resolve) => setTimeout(resolve, 20));
        inside -= 1;
        return value;
      }),
    ),
  );
  assert.deepEqual(results, [1, 2, 3]);
});

test("it is free again behind a failure", async () => {
  const file = join(scratch(), "lock");
  await assert.rejects(
    withLock(file, async () => {
      throw new Error("inside");
    }),
    /inside/,
  );
  assert.equal(await withLock(file, async () => 1), 1);
});

test("it is held meanwhile", async () => {
  const file = join(scratch(), "lock");
  assert.equal(await withLock(file, async () => spawnSync("flock", ["-n", file, "true"]).status), 1);
});
