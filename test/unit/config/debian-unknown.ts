import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a Debian file that does not exist", async () => {
  await refused(
    withVm({ kernel: { debian: "linux-5.10" } }),
    "vms[0].kernel.debian",
    'must be "linux-6.1", "linux-6.12" or "u-boot"',
  );
});
