import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a VM's shared region that is a text", async () => {
  await refused(withVm({ shared: ["ring"] }), "vms[0].shared[0]", "must be { region, … }");
});
