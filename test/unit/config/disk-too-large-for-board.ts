import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a writable disk that does not fit into the board", async () => {
  await refused(
    {
      ...withVm({ disks: [{ disk: "data" }] }),
      disks: [{ name: "data", size: "256M", writable: true }],
      board: { memory: "256M" },
    },
    "board.memory",
    "the board has 256 MiB, and the system takes 392 MiB (VMs 64 MiB, disks 256 MiB, bundle 6 MiB, Hyper-LITE 66 MiB)",
  );
});
