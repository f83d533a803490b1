import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a setting of a VM that does not exist", async () => {
  await refused(withVm({ memroy: "64M" } as never), "vms[0].memroy", "unknown setting");
});
