import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a slice of 50 us", async () => {
  await refused({ ...withVm({}), scheduler: { slice: 50 } }, "scheduler.slice", "must be a time from 100 us to 1 s");
});
