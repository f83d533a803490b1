import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a setting of the board that does not exist", async () => {
  await refused({ ...withVm({}), board: { cpu: 2 } }, "board.cpu", "unknown setting");
});
