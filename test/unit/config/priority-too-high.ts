import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("priority 32", async () => {
  await refused(withVm({ priority: 32 }), "vms[0].priority", "must be a whole number from 0 to 31");
});
