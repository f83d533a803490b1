import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a CPU that no board has", async () => {
  await refused(withVm({ affinity: [8] }), "vms[0].affinity[0]", "must be a whole number from 0 to 7");
});
