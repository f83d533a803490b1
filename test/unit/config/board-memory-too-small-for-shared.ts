import { test } from "node:test";
import { refused, withVms } from "./refused.ts";

test("a shared region that does not fit into the board", async () => {
  await refused(
    withVms([{ shared: [{ region: "ring" }] }], { shared: [{ name: "ring", size: "256M" }], board: { memory: "256M" } }),
    "board.memory",
    "the board has 256 MiB, and the system takes 392 MiB (VMs 64 MiB, shared regions 256 MiB, bundle 6 MiB, Hyper-LITE 66 MiB)",
  );
});
