import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a region of half a page", async () => {
  await refused(
    withVm({ regions: [{ ipa: 0x04000000, size: "2K" }] }),
    "vms[0].regions[0].size",
    "must be a multiple of 4 KiB, and not 0",
  );
});
