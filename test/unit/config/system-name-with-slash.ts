import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a name of the system with a slash", async () => {
  await refused({ ...withVm({}), name: "a/b" }, "name", "must be 1 to 31");
});
