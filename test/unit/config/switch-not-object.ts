import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("switches and network devices that are no objects", async () => {
  await refused({ ...withVm({}), switches: ["lan"] }, "switches[0]", "must be { name, … }");
  await refused(withVm({ nets: ["lan"] }), "vms[0].nets[0]", "must be { switch, … }");
});
