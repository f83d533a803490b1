import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a setting of the system that does not exist", async () => {
  await refused({ ...withVm({}), scrub: false }, "scrub", "unknown setting");
});
