import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a board that is a number", async () => {
  await refused({ ...withVm({}), board: 4 }, "board", "must be { cpus, memory }");
});
