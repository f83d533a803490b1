// Debian's Linux 6.1 reaches a shell, computes, and powers the machine off, on every CPU model, started from EL2 and from EL3.

import assert from "node:assert/strict";
import { test } from "node:test";
import { variants } from "./cpus.ts";
import { boot } from "./expect.ts";

for (const { title, cpu, el3 } of variants) {
  test(`Linux 6.1 on ${title}`, async () => {
    await using vm = await boot({ system: "examples/linux", cpu, el3 });
    await vm.expect(" # ");
    vm.send("echo $((6*7)) from $(uname -rm)\n");
    await vm.expect(/42 from 6\.1\.\S+-arm64 aarch64/);
    vm.send("poweroff -f\n");
    const end = await vm.end();
    assert.equal(end.halted?.off, true);
  });
}
