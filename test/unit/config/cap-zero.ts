import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a cap of nothing", async () => {
  await refused(withVm({ cap: 0 }), "vms[0].cap", "must be a whole number from 1 to 800");
});
