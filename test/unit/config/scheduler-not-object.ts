import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a scheduler that is a text", async () => {
  await refused({ ...withVm({}), scheduler: "share" }, "scheduler", "must be { policy, slice }");
});
