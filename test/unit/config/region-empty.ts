import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a region of no size", async () => {
  await refused(
    withVm({ regions: [{ ipa: 0x04000000, size: 0 }] }),
    "vms[0].regions[0].size",
    "must be a multiple of 4 KiB, and not 0",
  );
});
