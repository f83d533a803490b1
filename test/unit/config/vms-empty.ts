import { test } from "node:test";
import { refused } from "./refused.ts";

test("an empty list of VMs", async () => {
  await refused({ vms: [] }, "vms", "must name a VM");
});
