import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a shared region that is a text", async () => {
  await refused({ ...withVm({}), shared: ["ring"] }, "shared[0]", "must be { name, size }");
});
