import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a VM's shared regions that are no list", async () => {
  await refused(withVm({ shared: "ring" }), "vms[0].shared", "must be a list of at most 8 shared regions");
});
