import { test } from "node:test";
import { refused, withVms } from "./refused.ts";

test("a shared region that ends beyond 39 bits of address", async () => {
  await refused(
    withVms([{ shared: [{ region: "ring", ipa: 0x7f_ffff_f000 }] }], { shared: [{ name: "ring", size: "8K" }] }),
    "vms[0].shared[0]",
    "must end below 0x8000000000",
  );
});
