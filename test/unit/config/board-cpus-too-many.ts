import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a board of nine CPUs", async () => {
  await refused({ ...withVm({}), board: { cpus: 9 } }, "board.cpus", "must be a whole number from 1 to 8");
});
