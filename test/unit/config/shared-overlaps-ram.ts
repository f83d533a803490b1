import { test } from "node:test";
import { refused, withVms } from "./refused.ts";

test("a shared region inside the RAM", async () => {
  await refused(
    withVms([{ shared: [{ region: "ring", ipa: 0x4000_0000 }] }], { shared: [{ name: "ring", size: "8K" }] }),
    "vms[0].shared[0]",
    "must not overlap the RAM",
  );
});
