import { test } from "node:test";
import { refusedAll, withVm } from "./refused.ts";

test("a proxy that was revoked", async () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  await refusedAll(withVm({ devices: proxy }), [
    ["vms[0].devices.uart", "cannot be read: "],
    ["vms[0].devices.rtc", "cannot be read: "],
    ["vms[0].devices.entropy", "cannot be read: "],
    ["vms[0].devices.console", "cannot be read: "],
  ]);
});
