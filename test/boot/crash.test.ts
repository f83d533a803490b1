// A guest without a vector that can be fetched would fault for ever: it is stopped, and the run ends with an error.

import assert from "node:assert/strict";
import { test } from "node:test";
import { variants } from "./cpus.ts";
import { boot } from "./expect.ts";

for (const { title, cpu, el3 } of variants) {
  test(`a guest without vectors on ${title}`, async () => {
    await using vm = await boot({ system: "test/boot/systems/crash", cpu, el3 });
    const end = await vm.end();
    assert.equal(end.output, "crash: goodbye\r\n");
    assert.equal(end.halted?.off, false);
    assert.match(end.halted?.reason ?? "", /^crash: its exception vector at 0x30000200 cannot be fetched$/);
  });
}
