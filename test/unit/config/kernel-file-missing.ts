import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a kernel that is not there", async () => {
  await refused(withVm({ kernel: "vmlinuz" }), "vms[0].kernel", "vmlinuz: no such file");
});
