import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("disks, the second of which no piece of the board's RAM can hold", async () => {
  await refused(
    {
      ...withVm({ memory: "16M", disks: [{ disk: "one" }, { disk: "two" }] }),
      board: { memory: "256M" },
      disks: [
        { name: "one", size: "70M", writable: true },
        { name: "two", size: "64M", writable: true },
      ],
    },
    "disks[1]",
    "needs 64 MiB of the board's RAM in one piece, and the longest that is left is 62 MiB",
  );
});
