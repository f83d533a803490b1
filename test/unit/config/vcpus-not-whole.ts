import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("one and a half vCPUs", async () => {
  await refused(withVm({ vcpus: 1.5 }), "vms[0].vcpus", "must be a whole number from 1 to 8");
});
