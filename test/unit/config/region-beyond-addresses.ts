import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a region beyond 39 bits of address", async () => {
  await refused(
    withVm({ regions: [{ ipa: 0x8000000000, size: "4K" }] }),
    "vms[0].regions[0].ipa",
    "must be an address below 0x8000000000",
  );
});
