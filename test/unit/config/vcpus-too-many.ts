import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("nine vCPUs", async () => {
  await refused(withVm({ vcpus: 9 }), "vms[0].vcpus", "must be a whole number from 1 to 8");
});
