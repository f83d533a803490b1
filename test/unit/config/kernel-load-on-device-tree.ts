import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a kernel over the device tree", async () => {
  await refused(withVm({ kernelLoad: 0 }), "vms[0].kernelLoad", "the device tree lies at the base of RAM");
});
