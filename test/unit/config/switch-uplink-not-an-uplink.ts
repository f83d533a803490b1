import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("an uplink that is none", async () => {
  await refused(
    { ...withVm({ nets: [{ switch: "lan" }] }), switches: [{ name: "lan", uplink: "eth0" }] },
    "switches[0].uplink",
    'must be true, or { mac: "…" }: the address of one of the board\'s network devices',
  );
});
