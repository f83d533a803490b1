import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("fewer tables than memory takes", async () => {
  await refused(withVm({ tableQuota: 3 }), "vms[0].tableQuota", "must be at least 4: that is what the VM's memory takes");
});
