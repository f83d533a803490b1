import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("addresses that are no station's", async () => {
  for (const mac of ["01:00:5e:00:00:01", "00:00:00:00:00:00", "02:00:00:00:00", "2:0:0:0:0:1", 7])
    await refused(
      { ...withVm({ nets: [{ switch: "lan", mac }] }), switches: [{ name: "lan" }] },
      "vms[0].nets[0].mac",
      'must be an address of one station, such as "02:00:00:00:00:01"',
    );
});
