import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a kernel off the page", async () => {
  await refused(withVm({ kernelLoad: 0x80800 }), "vms[0].kernelLoad", "must be a multiple of 4 KiB");
});
