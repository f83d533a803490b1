import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a board of less RAM than it takes", async () => {
  await refused({ ...withVm({}), board: { memory: "128M" } }, "board.memory", "must be whole MiB, from 256 MiB");
});
