import { test } from "node:test";
import { refused, withVms } from "./refused.ts";

test("a shared region over the UART", async () => {
  await refused(
    withVms([{ shared: [{ region: "ring", ipa: 0x0900_0000 }] }], { shared: [{ name: "ring", size: "8K" }] }),
    "vms[0].shared[0]",
    "must not overlap the UART",
  );
});
