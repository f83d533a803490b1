import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a setting of a region that does not exist", async () => {
  await refused(withVm({ regions: [{ ipa: 0, size: "4K", readonly: true }] }), "vms[0].regions[0].readonly", "unknown setting");
});
