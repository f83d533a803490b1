import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a list of regions with a hole", async () => {
  const regions = Array(2);
  regions[1] = { ipa: 0, size: 4096 };
  await refused(withVm({ regions }), "vms[0].regions[0]", "must be { ipa, size, … }");
});
