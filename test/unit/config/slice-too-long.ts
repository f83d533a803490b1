import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a slice of two seconds", async () => {
  await refused({ ...withVm({}), scheduler: { slice: "2s" } }, "scheduler.slice", "must be a time from 100 us to 1 s");
});
