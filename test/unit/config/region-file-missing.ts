import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a region whose file is not there", async () => {
  await refused(
    withVm({ regions: [{ ipa: 0x04000000, size: "4K", file: "flash" }] }),
    "vms[0].regions[0].file",
    "flash: no such file",
  );
});
