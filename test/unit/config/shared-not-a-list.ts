import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("shared regions that are no list", async () => {
  await refused({ ...withVm({}), shared: {} }, "shared", "must be a list of at most 64 regions");
});
