import { test } from "node:test";
import { refused } from "./refused.ts";

test("something else than a system", async () => {
  await refused(42, "", "must be what defineSystem({ … }) returns");
});
