import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a capture that no piece of the board's RAM can hold", async () => {
  await refused(
    {
      ...withVm({ memory: "16M", nets: [{ switch: "lan" }] }),
      board: { memory: "256M" },
      switches: [{ name: "lan", capture: "130M" }],
    },
    "switches[0].capture",
    "needs 130 MiB of the board's RAM in one piece, and the longest that is left is",
  );
});
