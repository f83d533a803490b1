import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a region smaller than its file", async () => {
  await refused(
    withVm({ regions: [{ ipa: 0x04000000, size: "4K", file: "flash" }] }),
    "vms[0].regions[0].file",
    "flash has 8 KiB, which is more than the region's 4 KiB",
    { flash: new Uint8Array(8192) },
  );
});
