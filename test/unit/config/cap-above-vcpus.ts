import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a cap of more than all vCPUs", async () => {
  await refused(withVm({ cap: 250, vcpus: 2 }), "vms[0].cap", "must be at most 200: the VM has 2 vCPUs of 100 % each");
});
