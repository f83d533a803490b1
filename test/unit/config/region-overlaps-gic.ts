import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a region over the interrupt controller", async () => {
  await refused(
    withVm({ regions: [{ ipa: 0, size: "256M" }] }),
    "vms[0].regions[0]",
    "must not overlap the interrupt distributor",
  );
});
