import { test } from "node:test";
import { refused, withVms } from "./refused.ts";

test("VMs that do not fit into the board", async () => {
  await refused(
    withVms([{ memory: "512M" }, { memory: "448M" }]),
    "board.memory",
    "the board has 1024 MiB, and the system takes 1034 MiB (VMs 960 MiB, bundle 8 MiB, Hyper-LITE 66 MiB)",
  );
});
