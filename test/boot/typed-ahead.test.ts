// What is sent before the guest listens waits for it: a whole script, sent at reset, reaches the shell.

import assert from "node:assert/strict";
import { test } from "node:test";
import { boot } from "./expect.ts";

test("input waits until the guest reads it", async () => {
  await using vm = await boot({ system: "examples/linux" });
  vm.send("echo $((6*7)) from $(uname -rm); poweroff -f\n");
  const end = await vm.end();
  assert.match(end.output, /\n42 from 6\.1\.0-\d+-cloud-arm64 aarch64\r?\n/);
  assert.equal(end.halted?.off, true);
});
