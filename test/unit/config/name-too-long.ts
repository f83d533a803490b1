import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a name of 32 characters", async () => {
  await refused(withVm({ name: "x".repeat(32) }), "vms[0].name", "must be 1 to 31");
});
