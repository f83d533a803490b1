import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("scrubAtBoot that is neither true nor false", async () => {
  await refused({ ...withVm({}), scrubAtBoot: "no" }, "scrubAtBoot", "must be true or false");
});
