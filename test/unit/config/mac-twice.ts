import { test } from "node:test";
import { refused, withVms } from "./refused.ts";

test("one address twice on a switch", async () => {
  const net = { switch: "lan", mac: "02:00:00:00:00:0a" };
  await refused(
    withVms([{ nets: [net] }, { nets: [{ ...net, mac: "02:00:00:00:00:0A" }] }], { switches: [{ name: "lan" }] }),
    "vms[1].nets[0].mac",
    "is the address of vms[0].nets[0] on the same switch",
  );
});
