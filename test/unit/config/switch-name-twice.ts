import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("two switches of one name", async () => {
  await refused(
    { ...withVm({ nets: [{ switch: "lan" }] }), switches: [{ name: "lan" }, { name: "lan" }] },
    "switches[1].name",
    "is the name of switches[0] as well",
  );
});
