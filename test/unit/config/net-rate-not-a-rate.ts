import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("rates that are none, too small or too large", async () => {
  for (const rate of ["fast", "7kbit", "2000Gbit", "100MB", 5])
    await refused(
      { ...withVm({ nets: [{ switch: "lan", rate }] }), switches: [{ name: "lan" }] },
      "vms[0].nets[0].rate",
      'must be "8kbit" to "1000Gbit", such as "100Mbit" (kbit, Mbit or Gbit)',
    );
});
