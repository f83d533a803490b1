import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a region inside the RAM", async () => {
  await refused(
    withVm({ regions: [{ ipa: 0x43fff000, size: "8K" }] }),
    "vms[0].regions[0]",
    "must not overlap the RAM (0x40000000 to 0x43ffffff)",
  );
});
