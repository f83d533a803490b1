import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a name with a space", async () => {
  await refused(withVm({ name: "my guest" }), "vms[0].name", "must be 1 to 31");
});
