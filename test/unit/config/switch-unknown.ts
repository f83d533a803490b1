import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a switch that does not exist", async () => {
  await refused(
    withVm({ nets: [{ switch: "lan" }] }),
    "vms[0].nets[0].switch",
    'there is no switch "lan" in the system\'s `switches`',
  );
});
