import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("switches and network devices that are no lists", async () => {
  await refused({ ...withVm({}), switches: {} }, "switches", "must be a list of at most 16 switches { name, … }");
  await refused(withVm({ nets: "lan" }), "vms[0].nets", "must be a list of network devices { switch, … }");
});
