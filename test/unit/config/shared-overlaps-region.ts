import { test } from "node:test";
import { refused, withVms } from "./refused.ts";

test("a shared region over a region of the VM", async () => {
  await refused(
    withVms([{ regions: [{ ipa: 0x1000_0000, size: "4K" }], shared: [{ region: "ring" }] }], {
      shared: [{ name: "ring", size: "8K" }],
    }),
    "vms[0].shared[0]",
    "must not overlap regions[0] (0x10000000 to 0x10000fff): say where it goes with `ipa`",
  );
});
