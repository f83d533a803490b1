import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a region over the redistributor of the second vCPU", async () => {
  await refused(
    withVm({ vcpus: 2, regions: [{ ipa: 0x080c0000, size: "4K" }] }),
    "vms[0].regions[0]",
    "must not overlap the redistributors (0x80a0000 to 0x80dffff)",
  );
});
