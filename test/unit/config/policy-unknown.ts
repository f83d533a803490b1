import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a policy that does not exist", async () => {
  await refused({ ...withVm({}), scheduler: { policy: "fair" } }, "scheduler.policy", 'must be "priority" or "share"');
});
