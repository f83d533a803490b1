import { test } from "node:test";
import { refused, withVms } from "./refused.ts";

test("more ports than a switch can have", async () => {
  const nets = (count: number): object[] => Array.from({ length: count }, () => ({ switch: "lan" }));
  await refused(
    withVms(
      [16, 16, 16, 16, 1].map((count) => ({ nets: nets(count) })),
      { switches: [{ name: "lan" }] },
    ),
    "vms[4].nets[0].switch",
    'is one too many: "lan" can have 64 ports',
  );
});
