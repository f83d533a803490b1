import { test } from "node:test";
import { refused, withVms } from "./refused.ts";

test("shared regions, the second of which no piece of the board's RAM can hold", async () => {
  await refused(
    withVms([{ memory: "16M", shared: [{ region: "one" }, { region: "two", ipa: 0x8000_0000 }] }], {
      board: { memory: "256M" },
      shared: [
        { name: "one", size: "70M" },
        { name: "two", size: "64M" },
      ],
    }),
    "shared[1]",
    "needs 64 MiB of the board's RAM in one piece, and the longest that is left is 62 MiB",
  );
});
