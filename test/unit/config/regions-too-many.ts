import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("nine regions", async () => {
  await refused(
    withVm({ regions: Array.from({ length: 9 }, (_, index) => ({ ipa: 0x04000000 + index * 4096, size: "4K" })) }),
    "vms[0].regions",
    "must be at most 8",
  );
});
