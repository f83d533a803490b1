import { test } from "node:test";
import { refused, withVms } from "./refused.ts";

test("65 VMs", async () => {
  await refused(
    withVms(
      Array.from({ length: 65 }, () => ({ memory: "16M" })),
      { board: { memory: "2G" } },
    ),
    "vms",
    "must be at most 64 VMs",
  );
});
