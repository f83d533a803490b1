import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a switch that no VM has", async () => {
  await refused(
    { ...withVm({}), switches: [{ name: "lan" }] },
    "switches[0]",
    'no VM has it: add { switch: "lan" } to `nets` of VMs',
  );
});
