import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("two pipes to the board", async () => {
  const pipes = ["a", "b"].map((name) => ({ name, between: ["guest"] }));
  await refused({ ...withVm({}), pipes }, "pipes[1]", "is a second one to the board, beside pipes[0]: a board has one end");
});
