import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a pipe that is no object", async () => {
  await refused({ ...withVm({}), pipes: ["log"] }, "pipes[0]", "must be { name, between }");
});
