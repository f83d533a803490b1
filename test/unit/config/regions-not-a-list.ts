import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("regions that are one", async () => {
  await refused(withVm({ regions: { ipa: 0, size: "4K" } }), "vms[0].regions", "must be a list of regions");
});
