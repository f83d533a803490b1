// U-Boot reaches its prompt, knows its memory, and powers the machine off.

import assert from "node:assert/strict";
import { test } from "node:test";
import { variants } from "./cpus.ts";
import { boot } from "./expect.ts";

for (const { title, cpu, el3 } of variants) {
  test(`U-Boot on ${title}`, async () => {
    await using vm = await boot({ system: "examples/u-boot", cpu, el3 });
    await vm.expect(/Hit any key to stop autoboot/);
    vm.send("\n");
    await vm.expect("=> ");
    vm.send("bdinfo\n");
    await vm.expect(/DRAM bank\s+= 0x0+\r?\n-> start\s+= 0x0*40000000\r?\n-> size\s+= 0x0*4000000/);
    vm.send("poweroff\n");
    const end = await vm.end();
    assert.equal(end.halted?.off, true);
  });
}
