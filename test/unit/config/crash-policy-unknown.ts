import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a crash policy that does not exist", async () => {
  await refused(withVm({ crashPolicy: "restart" }), "vms[0].crashPolicy", 'must be "stop", "reset" or "stop-all"');
});
