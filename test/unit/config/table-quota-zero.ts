import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("no tables", async () => {
  await refused(withVm({ tableQuota: 0 }), "vms[0].tableQuota", "must be a whole number from 1 to 16384");
});
