import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a share of nothing", async () => {
  await refused(withVm({ share: 0 }), "vms[0].share", "must be a whole number from 1 to 10000");
});
