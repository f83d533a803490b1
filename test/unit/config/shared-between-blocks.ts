import { test } from "node:test";
import { refused, withVms } from "./refused.ts";

test("a large shared region between blocks of memory", async () => {
  await refused(
    withVms([{ shared: [{ region: "ring", ipa: 0x1000_1000 }] }], { shared: [{ name: "ring", size: "4M" }] }),
    "vms[0].shared[0].ipa",
    "must be a multiple of 2 MiB: the region is larger than that",
  );
});
