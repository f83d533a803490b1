import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a capture of no whole pages", async () => {
  await refused(
    { ...withVm({ nets: [{ switch: "lan" }] }), switches: [{ name: "lan", capture: 5000 }] },
    "switches[0].capture",
    "must be a multiple of 4 KiB, at most 256 MiB",
  );
});
