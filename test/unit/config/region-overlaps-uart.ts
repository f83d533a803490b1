import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a region over the UART", async () => {
  await refused(withVm({ regions: [{ ipa: 0x08fff000, size: "8K" }] }), "vms[0].regions[0]", "must not overlap the UART");
});
