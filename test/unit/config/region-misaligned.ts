import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a region off the page", async () => {
  await refused(withVm({ regions: [{ ipa: 0x04000800, size: "4K" }] }), "vms[0].regions[0].ipa", "a multiple of 4 KiB");
});
