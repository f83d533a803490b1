import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a region over the page of stolen time", async () => {
  await refused(
    withVm({ regions: [{ ipa: 0x090a0000, size: "4K" }] }),
    "vms[0].regions[0]",
    "must not overlap the page of stolen time",
  );
});
