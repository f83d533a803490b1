import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a region that no piece of the board's RAM can hold, though all of it could", async () => {
  await refused(
    { ...withVm({ memory: "16M", regions: [{ ipa: 0x8000_0000, size: "136M" }] }), board: { memory: "256M" } },
    "vms[0].regions[0]",
    "needs 136 MiB of the board's RAM in one piece, and the longest that is left is 122 MiB",
  );
});
