import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("pipes that are no list", async () => {
  await refused({ ...withVm({}), pipes: true }, "pipes", "must be a list of at most 64 pipes { name, between }");
});
