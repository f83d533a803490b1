import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("how large a disk of the board is made, but not where", async () => {
  await refused(
    { ...withVm({ disks: [{ disk: "data" }] }), disks: [{ name: "data", board: { serial: "SATA-1", size: "1M" } }] },
    "disks[0].board.size",
    "is that of the `image` that is made: say where that is",
  );
});
