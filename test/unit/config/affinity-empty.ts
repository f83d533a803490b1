import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("no CPU to run on", async () => {
  await refused(withVm({ affinity: [] }), "vms[0].affinity", "must be a list of numbers of CPUs");
});
