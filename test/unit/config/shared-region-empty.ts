import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a shared region of no size", async () => {
  await refused(
    { ...withVm({}), shared: [{ name: "ring", size: 0 }], vms: withVm({ shared: [{ region: "ring" }] }).vms },
    "shared[0].size",
    "must be a multiple of 4 KiB, and not 0",
  );
});
