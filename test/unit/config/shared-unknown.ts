import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a shared region that the system does not have", async () => {
  await refused(withVm({ shared: [{ region: "ring" }] }), "vms[0].shared[0].region", 'there is no region "ring"');
});
