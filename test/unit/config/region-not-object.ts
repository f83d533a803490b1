import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a region that is a number", async () => {
  await refused(withVm({ regions: [0x04000000] }), "vms[0].regions[0]", "must be { ipa, size, … }");
});
