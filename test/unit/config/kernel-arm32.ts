import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a kernel for 32-bit ARM", async () => {
  await refused(withVm({}), "vms[0].kernel", "is a zImage for 32-bit ARM", {
    kernel: Buffer.concat([Buffer.alloc(0x24), Buffer.from("\x18\x28\x6f\x01", "latin1")]),
  });
});
