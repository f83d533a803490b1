import { test } from "node:test";
import { refused } from "./refused.ts";

test("no list of VMs", async () => {
  await refused({}, "vms", "must be a list of VMs");
});
