// A guest that runs wild gets the architecture's answer each time; the hypervisor lives, and its log stays readable.

import assert from "node:assert/strict";
import { test } from "node:test";
import { variants } from "./cpus.ts";
import { boot } from "./expect.ts";

/** Lines about one VM that the log takes in a run of a few seconds, at ten a second. */
const LOG_LINES = 200;

for (const { title, cpu, el3 } of variants) {
  test(`a wild guest on ${title}`, async () => {
    await using vm = await boot({ system: "test/boot/systems/wild", cpu, el3 });
    const end = await vm.end();
    assert.deepEqual(end.output.match(/^WRONG .*\r?\n.*/gm) ?? [], []);
    assert.match(end.output, /^wild: +2\d\d ok, 0 wrong\r?$/m);
    assert.equal(end.halted?.off, true);
    assert.ok(end.logs.length < LOG_LINES, `${end.logs.length} log lines`);
    assert.ok(
      end.logs.every((line) => /^<[4-7]>/.test(line)),
      "a guest makes no line above warning",
    );
  });
}
