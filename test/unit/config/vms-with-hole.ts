import { test } from "node:test";
import { refused, withVms } from "./refused.ts";

test("a list of VMs with a hole", async () => {
  const { vms } = withVms([{}, {}]);
  // What `[, vm]` makes.
  const holed = vms.slice();
  delete holed[0];
  await refused({ vms: holed }, "vms[0]", "must be { name, memory, kernel, … }");
});
