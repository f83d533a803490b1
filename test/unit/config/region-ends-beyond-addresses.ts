import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a region that ends beyond 39 bits of address", async () => {
  await refused(
    withVm({ regions: [{ ipa: 0x7ffffff000, size: "8K" }] }),
    "vms[0].regions[0].size",
    "must end below 0x8000000000",
  );
});
