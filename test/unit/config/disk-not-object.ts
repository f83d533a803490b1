import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("disks that are no objects, of the system and of a VM", async () => {
  await refused({ ...withVm({}), disks: ["root"] }, "disks[0]", "must be { name, file, … }");
  await refused(withVm({ disks: ["root"] }), "vms[0].disks[0]", "must be { disk, … }");
});
