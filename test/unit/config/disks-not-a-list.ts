import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("disks that are no list, of the system and of a VM", async () => {
  await refused({ ...withVm({}), disks: {} }, "disks", "must be a list of at most 64 disks { name, file, … }");
  await refused(withVm({ disks: "root" }), "vms[0].disks", "must be a list of disks { disk, … }");
});
