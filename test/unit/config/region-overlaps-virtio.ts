import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a region over the virtio devices", async () => {
  await refused(
    withVm({ regions: [{ ipa: 0x0a003000, size: "4K" }] }),
    "vms[0].regions[0]",
    "must not overlap the virtio devices",
  );
});
