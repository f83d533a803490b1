// Debian's Linux 6.12 reaches a shell and powers the machine off.

import assert from "node:assert/strict";
import { test } from "node:test";
import { boot } from "./expect.ts";

for (const cpu of ["cortex-a57", "max,pauth-impdef=on"]) {
  test(`Linux 6.12 on ${cpu}`, async () => {
    await using vm = await boot({ system: "examples/linux-6.12", cpu });
    await vm.expect(" # ");
    vm.send("echo $((6*7)) from $(uname -rm)\n");
    await vm.expect(/42 from 6\.12\.\S+-arm64 aarch64/);
    vm.send("poweroff -f\n");
    const end = await vm.end();
    assert.equal(end.halted?.off, true);
  });
}
