import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("two regions over each other", async () => {
  await refused(
    withVm({
      regions: [
        { ipa: 0x04000000, size: "8K" },
        { ipa: 0x04001000, size: "4K" },
      ],
    }),
    "vms[0].regions[1]",
    "must not overlap regions[0] (0x4000000 to 0x4001fff)",
  );
});
