import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("devices in a list", async () => {
  await refused(withVm({ devices: ["uart"] }), "vms[0].devices", "must be { uart, rtc, entropy, console }");
});
