// A VM that resets itself starts anew, with nothing left of before.

import assert from "node:assert/strict";
import { test } from "node:test";
import { variants } from "./cpus.ts";
import { boot } from "./expect.ts";

for (const { title, cpu, el3 } of variants) {
  test(`a reset on ${title}`, async () => {
    await using vm = await boot({ system: "test/boot/systems/reset", cpu, el3 });
    const end = await vm.end();
    assert.match(
      end.output,
      /^first +start, nothing left of before\r\nsecond +start, nothing left of before\r\nreset: done\r\n$/,
    );
    assert.equal(end.halted?.off, true);
  });
}
