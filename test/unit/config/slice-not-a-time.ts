import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a slice that is no time", async () => {
  await refused({ ...withVm({}), scheduler: { slice: "5" } }, "scheduler.slice", "must be a time from 100 us to 1 s");
});
