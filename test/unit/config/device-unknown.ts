import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a device that no VM has", async () => {
  await refused(withVm({ devices: { gpio: false } }), "vms[0].devices.gpio", "unknown setting");
});
